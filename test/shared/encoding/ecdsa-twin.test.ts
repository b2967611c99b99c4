import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createIssuing, createRoot } from '../../../local/azure/certificates/authority.ts';
import {
  certificateKey,
  newAuthorityKey,
} from '../../../local/azure/certificates/certificate-key.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import {
  DerReader,
  decodeDer,
  decodeIntegerBytes,
  TAG,
} from '../../../shared/encoding/der-decode.ts';
import { sequence, unsignedInteger } from '../../../shared/encoding/der-encode.ts';
import { twinsOf } from '../../../shared/encoding/ecdsa-twin.ts';
import { OID } from '../../../shared/encoding/oids.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

test.each(['P-256', 'P-384'])(
  'a certificate signed with %s has another signature that OpenSSL accepts, and another hash',
  (namedCurve) => {
    const root = createRoot(
      'Root',
      certificateKey(generateKeyPairSync('ec', { namedCurve })),
      NOON,
    );
    const own = new X509Certificate(
      createIssuing('Issuing', newAuthorityKey(), root, NOON).certificate,
    );
    const { publicKey } = new X509Certificate(root.certificate);
    const good = twinsOf(parseCertificate(own.raw))
      .map((der) => new X509Certificate(der))
      .filter((twin) => twin.verify(publicKey));
    expect(good).toHaveLength(1);
    expect(good[0]?.fingerprint256).not.toBe(own.fingerprint256);
    const back = twinsOf(parseCertificate(good[0]?.raw ?? Buffer.of()));
    expect(back.some((der) => Buffer.compare(der, own.raw) === 0)).toBe(true);
  },
);

test('RSA has none', () => {
  const key = certificateKey(generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const root = createRoot('Root', key, NOON);
  expect(twinsOf(parseCertificate(root.certificate))).toEqual([]);
});

describe('a signature of two numbers', () => {
  const P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const P384 =
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
  const { certificate } = createRoot('Root', newAuthorityKey(), NOON);
  const bytesOf = (value: bigint) => Buffer.from(value.toString(16).padStart(96, '0'), 'hex');
  const signed = (s: bigint) => ({
    ...parseCertificate(certificate),
    signature: sequence(unsignedInteger(Buffer.of(7)), unsignedInteger(bytesOf(s))),
  });
  const numbersOf = (der: Uint8Array): readonly bigint[] => {
    const { signature } = parseCertificate(der);
    const reader = new DerReader(decodeDer(signature, TAG.sequence).content);
    const read = () => decodeIntegerBytes(reader.read(TAG.integer));
    return [read(), read()].map((one) => BigInt(`0x${Buffer.from(one).toString('hex')}`));
  };

  test.each<[string, bigint, readonly bigint[]]>([
    ['0', 0n, []],
    ['1', 1n, [P256 - 1n, P384 - 1n]],
    ['the last one of P-256', P256 - 1n, [1n, P384 - P256 + 1n]],
    ['the order of P-256', P256, [P384 - P256]],
    ['the last one of P-384', P384 - 1n, [1n]],
    ['the order of P-384', P384, []],
  ])('whose second is %s has the twins of the curves that have such a number', (_, s, twins) => {
    expect(twinsOf(signed(s)).map(numbersOf)).toEqual(twins.map((twin) => [7n, twin]));
  });

  test.each([
    ['RSA', OID.sha256WithRSAEncryption],
    ['no algorithm that is known', '1.2.3'],
  ])('has none where it is called one of %s', (_, signatureAlgorithm) => {
    expect(twinsOf({ ...signed(1n), signatureAlgorithm })).toEqual([]);
  });
});

test.each([
  ['nothing', Buffer.of()],
  ['no sequence', Buffer.of(5, 0)],
  ['a number too few', Buffer.from('3003020101', 'hex')],
  ['a number too many', Buffer.from('3009020101020101020101', 'hex')],
  ['something behind it', Buffer.from('300602010102010100', 'hex')],
])('a signature that is %s has none', (_, signature) => {
  const { certificate } = createRoot('Root', newAuthorityKey(), NOON);
  expect(twinsOf({ ...parseCertificate(certificate), signature })).toEqual([]);
});
