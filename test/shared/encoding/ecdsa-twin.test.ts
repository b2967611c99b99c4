import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createIssuing, createRoot } from '../../../local/azure/certificates/authority.ts';
import {
  certificateKey,
  newAuthorityKey,
} from '../../../local/azure/certificates/certificate-key.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { twinsOf } from '../../../shared/encoding/ecdsa-twin.ts';

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

test.each([
  ['nothing', Buffer.of()],
  ['no sequence', Buffer.of(5, 0)],
  ['a number too few', Buffer.from('3003020101', 'hex')],
  ['something behind it', Buffer.from('300902010102010102010100', 'hex')],
])('a signature that is %s has none', (_, signature) => {
  const { certificate } = createRoot('Root', newAuthorityKey(), NOON);
  expect(twinsOf({ ...parseCertificate(certificate), signature })).toEqual([]);
});
