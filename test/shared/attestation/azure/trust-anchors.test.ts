import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import {
  createIssuing,
  createRoot,
  type IssuingBends,
} from '../../../../local/azure/certificates/authority.ts';
import {
  certificateKey,
  newAuthorityKey,
} from '../../../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../../../local/azure/certificates/leaf.ts';
import {
  azureTrustAnchors,
  readTrustAnchors,
} from '../../../../shared/attestation/azure/trust-anchors.ts';
import { encodePem } from '../../../../shared/encoding/pem.ts';
import { withOddName } from '../../../broker/odd-name.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

/**
 * What production trusts, written once more: the SHA-256 of each root as its owner publishes it. A root that goes is an
 * outage of every region that uses it, one that comes is trusted with every machine.
 */
const PINNED = {
  'DigiCert Global Root G2': 'cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f',
  'DigiCert Global Root G3': '31ad6648f8104138c738f39ea4320133393e3a18cc02296ef97c2ac9ef6731d0',
  'Microsoft ECC Root Certificate Authority 2017':
    '358df39d764af9e1b766e9c972df352ee15cfac227af6ad1d70e8e4a6edcba02',
  'Microsoft RSA Root Certificate Authority 2017':
    'c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0',
  'Microsoft TLS RSA Root G2': '6a170583db584151e1c454eeca2a64cc5d8e484a5bd1156e720b4458654ee9e5',
};

const commonName = (der: Uint8Array): string =>
  /CN=(.*)/.exec(new X509Certificate(der).subject)?.[1] ?? '';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('exactly these roots are pinned', () => {
  expect(
    Object.fromEntries(azureTrustAnchors().map((der) => [commonName(der), sha256(der)])),
  ).toEqual(PINNED);
});

test("all but Microsoft's newest are in Node's own list too", () => {
  const known = new Set(tls.rootCertificates.map((pem) => sha256(new X509Certificate(pem).raw)));
  const others = azureTrustAnchors().filter((der) => !known.has(sha256(der)));
  expect(others.map(commonName)).toEqual(['Microsoft TLS RSA Root G2']);
});

test('each could be added by an operator', () => {
  const pem = azureTrustAnchors()
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
  expect(readTrustAnchors(pem, NOON)).toEqual({ ok: true, value: azureTrustAnchors() });
});

const root = createRoot('Root', newAuthorityKey(), NOON);
const pemOf = (...ders: readonly Uint8Array[]): string =>
  ders.map((der) => encodePem('CERTIFICATE', der)).join('');
const issuing = (bends: IssuingBends, key = newAuthorityKey()): string =>
  pemOf(root.certificate, createIssuing('Issuing', key, root, NOON, bends).certificate);
const rsa = (modulusLength: number) =>
  certificateKey(generateKeyPairSync('rsa', { modulusLength }));

test('an authority below a root may be trusted by itself', () => {
  expect(readTrustAnchors(issuing({}), NOON).ok).toBe(true);
});

test('twenty may be added', () => {
  const twenty = Array.from({ length: 20 }, () => root.certificate);
  expect(readTrustAnchors(pemOf(...twenty), NOON).ok).toBe(true);
});

describe('an operator can not add', () => {
  const COUNT = 'expected 1 to 20 certificates in PEM';
  test.each<[string, string, string]>([
    ['nothing', '', COUNT],
    ['rubbish', 'rubbish', COUNT],
    ['a PEM of something else', encodePem('PUBLIC KEY', root.certificate), COUNT],
    ['21 certificates', pemOf(...Array.from({ length: 21 }, () => root.certificate)), COUNT],
    [
      'a certificate that is none',
      pemOf(root.certificate, Buffer.from('rubbish')),
      'certificate 2: it can not be read: length runs past the end',
    ],
    [
      'half a certificate',
      pemOf(root.certificate.subarray(0, 200)),
      'certificate 1: it can not be read: length runs past the end',
    ],
    [
      'a server',
      pemOf(createLeaf('eastus', newAuthorityKey(), root, NOON).certificate),
      'certificate 1: an issuer is no authority',
    ],
    [
      'an authority that has expired',
      issuing({ expired: true }),
      'certificate 2: an authority is not valid at this time',
    ],
    [
      'an authority of next year',
      issuing({ notYetValid: true }),
      'certificate 2: an authority is not valid at this time',
    ],
    [
      'an authority that may not sign',
      issuing({ noKeyCertSign: true }),
      'certificate 2: an authority may not sign certificates',
    ],
    [
      'an authority with name constraints, which are not processed',
      issuing({ nameConstraints: true }),
      'certificate 2: a certificate has name constraints',
    ],
    ['RSA of 1024 bits', issuing({}, rsa(1024)), 'certificate 2: its key is too weak'],
    [
      'a curve of its own',
      issuing({}, certificateKey(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))),
      'certificate 2: it can not be read: the curve is not accepted',
    ],
    [
      'a name that OpenSSL does not read',
      pemOf(root.certificate, withOddName(root.certificate)),
      'certificate 2: it can not be read: it is no certificate to OpenSSL',
    ],
    ['a point that is not on its curve', issuing({}, offCurve()), 'certificate 2: its key is none'],
  ])('%s', (_, pem, message) => {
    expect(readTrustAnchors(pem, NOON)).toEqual({ ok: false, problem: { field: '', message } });
  });
});

function offCurve() {
  const key = newAuthorityKey();
  const publicKeyInfo = Buffer.from(key.publicKeyInfo);
  publicKeyInfo[publicKeyInfo.length - 1] = (publicKeyInfo.at(-1) ?? 0) ^ 1;
  return { ...key, publicKeyInfo };
}
