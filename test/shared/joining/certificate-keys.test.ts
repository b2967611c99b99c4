import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { sshPublicKey, sshPublicKeyLine } from '../../../shared/encoding/ssh-public-key.ts';
import { sshMpint, sshString } from '../../../shared/encoding/ssh-wire.ts';
import { checkPossession, readCertificateKeys } from '../../../shared/joining/certificate-keys.ts';
import type { CertificateWish } from '../../../shared/protocol/join.ts';
import { certificationRequest } from '../../broker/joiner.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';

const pair = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
const p256 = pair('P-256');
const rsa = sharedRsaKeys();
const spki = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ type: 'spki', format: 'der' });
const sshLine = (key: KeyObject): string => {
  const form = sshPublicKey(createPublicKey(key));
  if (!form) throw new Error('no SSH key');
  return sshPublicKeyLine(form);
};
const wish = (change: Partial<CertificateWish> = {}): CertificateWish => ({
  name: 'identity',
  csr: certificationRequest(p256),
  ...change,
});
const ACCEPTED = 'ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits with exponent 65537';
const refusal = (code: string, field: string, message: unknown = expect.any(String)) =>
  expect.objectContaining({ code, field: `request.certificates[0].${field}`, message });
const WEAK = `expected a key of ${ACCEPTED}`;
const NO_CSR = `expected one CERTIFICATE REQUEST in PEM, with a key of ${ACCEPTED}`;
const NO_LINE = `expected one line of an OpenSSH public key: ${ACCEPTED}`;

const accepted: readonly (readonly [string, () => KeyObject])[] = [
  ['P-256', () => p256],
  ['P-384', () => pair('P-384')],
  ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
  ['RSA', () => rsa.keyPair('stranger').privateKey],
];

describe('a key', () => {
  test.each(accepted)('of %s is good for both certificates', (_, make) => {
    const key = make();
    const [keys] = readCertificateKeys([wish({ csr: certificationRequest(key) })]);
    expect(Buffer.from(keys?.tlsKey.der ?? [])).toEqual(spki(key));
    expect(keys?.sshKey).toBe(keys?.tlsKey);
  });

  test.each(accepted)('of %s may stand for SSH alone', (_, make) => {
    const key = make();
    const [keys] = readCertificateKeys([wish({ ssh_public_key: `${sshLine(key)} comment\n` })]);
    expect(Buffer.from(keys?.tlsKey.der ?? [])).toEqual(spki(p256));
    expect(Buffer.from(keys?.sshKey.der ?? [])).toEqual(spki(key));
  });

  test.each<[string, () => KeyObject]>([
    [
      'RSA with exponent 3',
      () => rsa.keyPair('issuing authority', { bits: 2048, exponent: 3 }).privateKey,
    ],
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
  ])('%s is refused', (_, make) => {
    const key = make();
    expect(() => readCertificateKeys([wish({ csr: certificationRequest(key) })])).toThrow(
      refusal('bad_request', 'csr', WEAK),
    );
    expect(() => readCertificateKeys([wish({ ssh_public_key: sshLine(key) })])).toThrow(
      refusal('bad_request', 'ssh_public_key', NO_LINE),
    );
  });

  test.each(['P-521', 'secp256k1'])('of %s is refused', (curve) => {
    expect(() => readCertificateKeys([wish({ csr: certificationRequest(pair(curve)) })])).toThrow(
      refusal('bad_request', 'csr'),
    );
  });

  test('that the joiner does not have is denied', () => {
    const csr = certificationRequest(p256, pair('P-256'));
    const keys = readCertificateKeys([wish(), wish({ name: 'b', csr })]);
    expect(() => checkPossession(keys)).toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'key_not_possessed',
        message: 'request.certificates[1].csr is not signed with its own key',
      }),
    );
    expect(() => checkPossession(keys.slice(0, 1))).not.toThrow();
    expect(() => checkPossession(keys.toReversed())).toThrow('request.certificates[0].csr');
  });
});

test('every name is asked for once', () => {
  expect(() => readCertificateKeys([wish(), wish({ name: 'b' }), wish()])).toThrow(
    expect.objectContaining({
      code: 'bad_request',
      field: 'request.certificates[2].name',
      message: 'expected every name once',
    }),
  );
});

describe('what is no key is bad input, never an error of ours', () => {
  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['two requests', certificationRequest(p256) + certificationRequest(p256)],
    ['another label', certificationRequest(p256).replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')],
    ['half of a request', certificationRequest(p256).replace(/\n.{64}\n/, '\n')],
  ])('a request of %s', (_, csr) => {
    expect(() => readCertificateKeys([wish({ csr })])).toThrow(
      refusal('bad_request', 'csr', NO_CSR),
    );
  });

  test('an SSH key of any numbers', () => {
    const numbers = fc.oneof(fc.constant(Buffer.of()), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(numbers, numbers, (e, n) => {
        const blob = Buffer.concat([sshString('ssh-rsa'), sshMpint(e), sshMpint(n)]);
        const ssh_public_key = `ssh-rsa ${encodeBase64(blob)}`;
        expect(() => readCertificateKeys([wish({ ssh_public_key })])).toThrow(
          refusal('bad_request', 'ssh_public_key'),
        );
      }),
    );
  });
});
