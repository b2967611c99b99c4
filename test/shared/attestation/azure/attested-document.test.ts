/** The signer's own key: what the chain vouches for may still be no key that signs documents. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createIssuing, createRoot } from '../../../../local/azure/certificates/authority.ts';
import {
  certificateKey,
  newAuthorityKey,
} from '../../../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../../../local/azure/certificates/leaf.ts';
import {
  type AttestedDocumentChecks,
  verifyAttestedDocument,
} from '../../../../shared/attestation/azure/attested-document.ts';
import { createKnownCertificates } from '../../../../shared/attestation/azure/known-certificates.ts';
import { OID } from '../../../../shared/encoding/oids.ts';
import {
  encodeSignedData,
  encodeSignerInfo,
} from '../../../../shared/encoding/signed-data-encode.ts';
import type { Refusal } from '../../../../shared/refusal.ts';
import { sharedRsaKeys } from '../../../shared-rsa-keys.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const root = createRoot('Root', newAuthorityKey(), NOON);
const issuing = createIssuing('Issuing', newAuthorityKey(), root, NOON);
const content = Buffer.from(
  JSON.stringify({
    nonce: 'nonce',
    vmId: '00000000-0000-4000-8000-000000000001',
    timeStamp: { createdOn: '11/20/26 12:00:00 -0000', expiresOn: '11/20/26 18:00:00 -0000' },
  }),
);

interface SignerOptions {
  /** Of the certificate, in place of the right one. */
  readonly publicKeyInfo?: Uint8Array;
  readonly hash?: string;
}

function documentBy(
  pair: { publicKey: KeyObject; privateKey: KeyObject },
  { publicKeyInfo, hash = 'sha256' }: SignerOptions = {},
): Uint8Array {
  const key = { ...certificateKey(pair), ...(publicKeyInfo && { publicKeyInfo }) };
  const { certificate, issuer, serialNumber } = createLeaf('eastus', key, issuing, NOON);
  const signer = encodeSignerInfo({
    issuer,
    serialNumber,
    digestAlgorithm: OID.sha256WithRSAEncryption,
    signature: sign(hash, content, pair.privateKey),
  });
  return encodeSignedData({
    digestAlgorithms: [OID.sha256WithRSAEncryption],
    content,
    certificates: [certificate],
    signers: [signer],
  });
}

const checks: AttestedDocumentChecks = {
  roots: [root.certificate],
  intermediates: [issuing.certificate],
  domains: ['metadata.azure.com'],
  at: NOON,
};
const reasonOf = (der: Uint8Array, changes: Partial<AttestedDocumentChecks> = {}): unknown => {
  try {
    return verifyAttestedDocument(der, { ...checks, ...changes });
  } catch (error) {
    return (error as Refusal).reason;
  }
};

const rsa = sharedRsaKeys().keyPair('stranger');

test('an RSA key of 2048 bits signs', () => {
  expect(reasonOf(documentBy(rsa))).toMatchObject({ nonce: 'nonce' });
});

describe('denies a document of a signer', () => {
  const offCurve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = Buffer.from(offCurve.publicKey.export({ format: 'der', type: 'spki' }));
  spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;

  test.each<[string, () => Uint8Array]>([
    ['with a curve', () => documentBy(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    [
      'with RSA of 1024 bits',
      () => documentBy(generateKeyPairSync('rsa', { modulusLength: 1024 })),
    ],
    [
      'with RSA exponent 3',
      () => documentBy(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })),
    ],
    ['that signs with SHA-384', () => documentBy(rsa, { hash: 'sha384' })],
    [
      'whose key is of a kind that is not accepted',
      () => documentBy(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
    ],
    ['whose key is not on its curve', () => documentBy(rsa, { publicKeyInfo: spki })],
  ])('%s', (_, document) => {
    expect(reasonOf(document())).toBe('document_signature');
  });
});

test("the signature is looked at after the chain: a stranger's document costs one check, of the chain's", () => {
  const stranger = createRoot('Root', newAuthorityKey(), NOON);
  const forged = documentBy(rsa, { hash: 'sha384' });
  expect(reasonOf(forged)).toBe('document_signature');
  expect(reasonOf(forged, { roots: [stranger.certificate] })).toBe('document_chain');
});

test('certificates are remembered of documents only whose own signature is good', () => {
  const known = createKnownCertificates();
  const remembered: number[] = [];
  const watched = {
    ...known,
    remember: (path: readonly unknown[]) => remembered.push(path.length),
  };
  const verify = (der: Uint8Array) => verifyAttestedDocument(der, { ...checks, known: watched });
  expect(() => verify(documentBy(rsa, { hash: 'sha384' }))).toThrow('does not match its content');
  expect(remembered).toEqual([]);
  verify(documentBy(rsa));
  expect(remembered).toEqual([3]);
});
