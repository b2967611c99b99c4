/** The form of PROTOCOL.key; outputs/identity.test.ts has ssh-keygen read it. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import { opensshPrivateKey } from '../../agent/openssh-private-key.ts';

const newKey = (namedCurve = 'P-256'): KeyObject =>
  generateKeyPairSync('ec', { namedCurve }).privateKey;

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'a key with a comment of %i letters is unencrypted, in blocks of eight bytes',
  (length) => {
    const text = opensshPrivateKey(newKey(), 'x'.repeat(length));
    const [begin, ...rest] = text.split('\n');
    expect(begin).toBe('-----BEGIN OPENSSH PRIVATE KEY-----');
    expect(rest.splice(-2)).toEqual(['-----END OPENSSH PRIVATE KEY-----', '']);
    expect(rest.length).toBeGreaterThan(4);
    expect(rest.slice(0, -1).map((line) => line.length)).toEqual(Array(rest.length - 1).fill(70));
    const bytes = Buffer.from(rest.join(''), 'base64');
    const head = 'openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01';
    expect(bytes.subarray(0, head.length).toString('latin1')).toBe(head);
    const publicLength = bytes.readUInt32BE(head.length);
    const secret = bytes.subarray(head.length + 4 + publicLength);
    expect(secret.readUInt32BE(0)).toBe(secret.length - 4);
    expect(secret.readUInt32BE(0) % 8).toBe(0);
    // The same number twice, and what fills the last block up: 1, 2, 3 and so on, less than a block.
    expect(secret.readUInt32BE(4)).toBe(secret.readUInt32BE(8));
    let at = 12;
    // The public key's type, curve and point, then the private number, then the comment.
    for (let part = 0; part < 5; part += 1) at += 4 + secret.readUInt32BE(at);
    const filling = [...secret.subarray(at)];
    expect(filling).toEqual(filling.map((_, position) => position + 1));
    expect(filling.length).toBeLessThan(8);
  },
);

test.each([
  ['ECDSA P-384', newKey('P-384')],
  ['Ed25519', generateKeyPairSync('ed25519').privateKey],
  ['X25519', generateKeyPairSync('x25519').privateKey],
])('%s is no key of the agent', (_, key) => {
  expect(() => opensshPrivateKey(key, '')).toThrow("the agent's keys are ECDSA P-256");
});
