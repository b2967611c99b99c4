/** Which of sshd's host keys a Node's SSH certificates are for. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { Failure } from '../../../agent/failure.ts';
import { findSshHostKey } from '../../../agent/sshd/host-key.ts';
import { sshPublicKey, sshPublicKeyLine } from '../../../shared/encoding/ssh-public-key.ts';

const lineOf = (publicKey: Parameters<typeof sshPublicKey>[0]): string => {
  const key = sshPublicKey(publicKey);
  if (!key) throw new Error('not a key of SSH');
  return sshPublicKeyLine(key, 'root@vm');
};
const ED25519 = lineOf(generateKeyPairSync('ed25519').publicKey);
const ECDSA = lineOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const [ED25519_FILE, ECDSA_FILE] = ['ed25519', 'ecdsa'].map(
  (type) => `/etc/ssh/ssh_host_${type}_key.pub`,
) as [string, string];

const find = (flag: string | undefined, files: Readonly<Record<string, string>>) =>
  findSshHostKey(
    flag,
    (path) => files[path],
    (message) => new Failure('usage', message),
  );

test('it is the first one that clients look at, of those that are there', () => {
  expect(find(undefined, { [ED25519_FILE]: `${ED25519}\n`, [ECDSA_FILE]: ECDSA })).toBe(ED25519);
  expect(find(undefined, { [ECDSA_FILE]: `${ECDSA}\n` })).toBe(ECDSA);
  expect(find(undefined, { [ED25519_FILE]: 'nonsense', [ECDSA_FILE]: ECDSA })).toBe(ECDSA);
});

test('it is none where none is there, or none is wanted', () => {
  expect(find(undefined, {})).toBeUndefined();
  expect(find('none', { none: ED25519, [ED25519_FILE]: ED25519 })).toBeUndefined();
});

test('it is the one that is named, or nothing goes on', () => {
  expect(find('/key.pub', { '/key.pub': ECDSA, [ED25519_FILE]: ED25519 })).toBe(ECDSA);
  for (const files of [{}, { '/k\u001bey.pub': 'nonsense', [ED25519_FILE]: ED25519 }])
    expect(() => find('/k\u001bey.pub', files)).toThrow(
      'expected the public half of an Ed25519 or ECDSA host key (a .pub file), or none; got /k ey.pub',
    );
});
