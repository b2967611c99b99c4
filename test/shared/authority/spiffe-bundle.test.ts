import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { spiffeBundle } from '../../../shared/authority/spiffe-bundle.ts';
import { issueRootCertificate } from '../../../shared/authority/tls-certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { createAuthorities, later, NOON } from './rotation-parts.ts';

const roots = await Promise.all([createAuthorities(), createAuthorities()]);
const ders = roots.map(({ issuing }) => issuing.root);
const bundleOf = (...certificates: readonly Uint8Array[]) =>
  spiffeBundle({
    version: 7,
    tls: { roots: certificates.map((der) => encodePem('CERTIFICATE', der)).join('') },
  });

test("has each root's key and certificate, the number of the trust bundle, and when to ask again", () => {
  expect(bundleOf(...ders)).toEqual({
    keys: ders.map((der) => ({
      use: 'x509-svid',
      ...new X509Certificate(der).publicKey.export({ format: 'jwk' }),
      x5c: [Buffer.from(der).toString('base64')],
    })),
    spiffe_sequence: 7,
    spiffe_refresh_hint: 3600,
  });
});

test('has no keys where there is no root', () => {
  expect(bundleOf().keys).toEqual([]);
});

test.each([
  ['of Edwards curves', generateKeyPairSync('ed25519')],
  ['of RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
])('is not made with a root that has a key %s', async (_, { publicKey }) => {
  const validity = { notBefore: NOON, notAfter: later(60) };
  const root = await issueRootCertificate('root', 'x.example', publicKey, validity, async () =>
    Buffer.of(1),
  );
  expect(() => bundleOf(root)).toThrow('a root has a key that is not ECDSA');
});
