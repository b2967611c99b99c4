import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCertificationRequest } from '../../../shared/encoding/certification-request.ts';
import { DerError } from '../../../shared/encoding/der-decode.ts';
import {
  bitString,
  explicit,
  nullValue,
  oid,
  sequence,
  smallInteger,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { decodeSinglePem } from '../../../shared/encoding/pem.ts';
import { certificationRequest } from '../../broker/joiner.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { runProgram } from '../run-program.ts';

const rsa = sharedRsaKeys();
const pair = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
const keys: Readonly<Record<string, () => KeyObject>> = {
  'EC P-256': () => pair('P-256'),
  'EC P-384': () => pair('P-384'),
  'RSA 2048': () => rsa.keyPair('stranger').privateKey,
  'RSA 4096': () => rsa.keyPair('large', { bits: 4096, exponent: 65537 }).privateKey,
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
};
const p256 = pair('P-256');
const spki = (key: KeyObject): Buffer =>
  createPublicKey(key).export({ type: 'spki', format: 'der' });
const derOf = (pem: string): Uint8Array =>
  decodeSinglePem('CERTIFICATE REQUEST', pem) ?? Buffer.of();

describe.skipIf(!hasProgram('openssl'))('beside openssl req', () => {
  const request = (key: KeyObject, ...options: string[]): Uint8Array =>
    runProgram('openssl', ['req', '-new', '-key', '@key', '-outform', 'DER', ...options], {
      files: { key: key.export({ type: 'pkcs8', format: 'pem' }) },
    });
  const everything = [
    '-subj',
    '/CN=root/O=somebody',
    '-addext',
    'subjectAltName=DNS:example.org,URI:spiffe://other/bot',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
  ];

  test.each(Object.entries(keys))('%s: the key is taken, and possessed', (_, make) => {
    const key = make();
    const parsed = parseCertificationRequest(request(key, ...everything));
    expect(Buffer.from(parsed.publicKey.der)).toEqual(spki(key));
    expect(parsed.verifySignature()).toBe(true);
  });

  test.each(['-sha384', '-sha512'])('%s is good too', (digest) => {
    const ec = parseCertificationRequest(request(p256, '-subj', '/', digest));
    const other = parseCertificationRequest(
      request(rsa.keyPair('stranger').privateKey, '-subj', '/', digest),
    );
    expect([ec.verifySignature(), other.verifySignature()]).toEqual([true, true]);
  });

  test.each([
    ['SHA-1', ['-sha1']],
    ['RSA-PSS', ['-sigopt', 'rsa_padding_mode:pss']],
  ])('%s is not accepted', (_, options) => {
    const der = request(rsa.keyPair('stranger').privateKey, '-subj', '/', ...options);
    expect(() => parseCertificationRequest(der)).toThrow(
      expect.objectContaining({
        name: 'DerError',
        message: 'signature algorithm is not accepted',
      }),
    );
  });
});

test('a signature by another key proves nothing', () => {
  const other = parseCertificationRequest(derOf(certificationRequest(p256, pair('P-256'))));
  expect(other.verifySignature()).toBe(false);
});

test("the key's type fixes the algorithm", () => {
  const byRsa = certificationRequest(p256, rsa.keyPair('stranger').privateKey);
  expect(parseCertificationRequest(derOf(byRsa)).verifySignature()).toBe(false);
});

test.each<[string, KeyObject, Uint8Array[]]>([
  ['an elliptic curve key as RSA', p256, [oid(OID.sha256WithRSAEncryption), nullValue()]],
  ['an RSA key as ECDSA', rsa.keyPair('stranger').privateKey, [oid(OID.ecdsaWithSHA256)]],
])(
  'the very signature of %s proves nothing: a name for it is part of the proof',
  (_, key, named) => {
    const info = sequence(smallInteger(0), sequence(), spki(key), explicit(0));
    const der = sequence(info, sequence(...named), bitString(sign('sha256', info, key)));
    expect(parseCertificationRequest(der).verifySignature()).toBe(false);
  },
);

test('a changed byte of the signed part is noticed, or is no request any more', () => {
  const der = derOf(certificationRequest(p256));
  const at = fc.integer({ min: 0, max: der.length - 1 });
  fc.assert(
    fc.property(at, fc.integer({ min: 1, max: 255 }), (position, change) => {
      const bent = Buffer.from(der);
      bent[position] = (bent[position] ?? 0) ^ change;
      try {
        expect(parseCertificationRequest(bent).verifySignature()).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
  );
});

describe('the structure', () => {
  interface Parts {
    readonly version?: number;
    readonly key?: Uint8Array;
    readonly more?: readonly Uint8Array[];
    readonly after?: readonly Uint8Array[];
    readonly algorithm?: readonly Uint8Array[];
    readonly signature?: Uint8Array;
  }
  const ecdsa = oid(OID.ecdsaWithSHA256);
  const structure = ({
    version = 0,
    key,
    more = [],
    after = [],
    algorithm = [ecdsa],
    signature,
  }: Parts) =>
    sequence(
      sequence(smallInteger(version), sequence(), key ?? spki(p256), ...more),
      sequence(...algorithm),
      signature ?? bitString(Buffer.alloc(70)),
      ...after,
    );

  test('may come without attributes', () => {
    expect(parseCertificationRequest(structure({})).verifySignature()).toBe(false);
    expect(() => parseCertificationRequest(structure({ more: [explicit(0)] }))).not.toThrow();
  });

  test.each([
    ['version 2', structure({ version: 1 })],
    ['something after the attributes', structure({ more: [explicit(0), explicit(1)] })],
    ['something after the signature', structure({ after: [smallInteger(0)] })],
    ['a byte behind it', Buffer.concat([structure({}), Buffer.of(0)])],
    ['a signature that is no BIT STRING', structure({ signature: sequence() })],
    ['no signature algorithm', structure({ algorithm: [] })],
    ['NULL for ECDSA', structure({ algorithm: [ecdsa, nullValue()] })],
    ['RSA without NULL', structure({ algorithm: [oid(OID.sha256WithRSAEncryption)] })],
    ['two parameters', structure({ algorithm: [ecdsa, nullValue(), nullValue()] })],
    ['a key that is none', structure({ key: sequence() })],
    ['a kind of key that is not accepted', structure({ key: spki(pair('P-521')) })],
  ])('has not %s', (_, der) => {
    expect(() => parseCertificationRequest(der)).toThrow(DerError);
  });

  test('a point that is not on its curve is possessed by nobody', () => {
    const key = Buffer.from(spki(p256));
    key[key.length - 1] = (key.at(-1) ?? 0) ^ 1;
    expect(parseCertificationRequest(structure({ key })).verifySignature()).toBe(false);
  });
});
