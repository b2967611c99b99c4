import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isInstanceProof } from '../../../shared/joining/instance-proof.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { textOf } from '../run-program.ts';

const pair = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve });
const p256 = pair('P-256');
const rsa = sharedRsaKeys().keyPair('stranger');
const keys: Readonly<Record<string, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  'P-256': p256,
  'P-384': pair('P-384'),
  RSA: rsa,
  Ed25519: generateKeyPairSync('ed25519'),
};
const REQUEST = '{"broker":"…"}';
const MESSAGE = Buffer.from(`join-broker-v1\n${REQUEST}`);
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

test.each(Object.entries(keys))('a proof by %s is good, for this request only', (name, key) => {
  const proof = base64(sign(name === 'Ed25519' ? null : 'sha256', MESSAGE, key.privateKey));
  const own = spki(key.publicKey);
  expect(isInstanceProof(REQUEST, proof, own)).toBe(true);
  expect(isInstanceProof(`${REQUEST} `, proof, own)).toBe(false);
  for (const [other, { publicKey }] of Object.entries(keys))
    if (other !== name) expect(isInstanceProof(REQUEST, proof, spki(publicKey))).toBe(false);
});

test.skipIf(!hasProgram('openssl'))('a proof made in a shell is good', () => {
  const script = `printf 'join-broker-v1\\n%s' "$(cat request)" | openssl dgst -sha256 -sign key | base64 -w0`;
  const key = p256.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const proof = textOf('bash', ['-c', script], { files: { key, request: REQUEST } });
  expect(isInstanceProof(REQUEST, proof, spki(p256.publicKey))).toBe(true);
});

test.each<[string, Uint8Array, KeyObject]>([
  ['ECDSA with SHA-384', sign('sha384', MESSAGE, p256.privateKey), p256.publicKey],
  [
    'ECDSA as two numbers',
    sign('sha256', MESSAGE, { key: p256.privateKey, dsaEncoding: 'ieee-p1363' }),
    p256.publicKey,
  ],
  ['RSA with SHA-512', sign('sha512', MESSAGE, rsa.privateKey), rsa.publicKey],
  [
    'RSA-PSS',
    sign('sha256', MESSAGE, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }),
    rsa.publicKey,
  ],
  ['the request alone', sign('sha256', Buffer.from(REQUEST), p256.privateKey), p256.publicKey],
  ['nothing', Buffer.of(), p256.publicKey],
])('%s is none', (_, signature, publicKey) => {
  expect(isInstanceProof(REQUEST, base64(signature), spki(publicKey))).toBe(false);
});

describe('is refused', () => {
  test.each([
    [
      'where there is none',
      undefined,
      "expected the instance key's signature: the request is an instance's renewal",
    ],
    ['where it is no base64', 'not base64', 'expected base64'],
    ['in base64url', '__4', 'expected base64'],
  ])('%s', (_, proof, message) => {
    expect(() => isInstanceProof(REQUEST, proof, spki(p256.publicKey))).toThrow(
      expect.objectContaining({ code: 'bad_request', field: 'proof', message }),
    );
  });
});
