/** Attested documents as Azure's signers make them, and what the broker checks them by. */
import { type KeyObject, sign } from 'node:crypto';
import { createIssuing, createRoot } from '../../../../local/azure/certificates/authority.ts';
import {
  certificateKey,
  newAuthorityKey,
} from '../../../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../../../local/azure/certificates/leaf.ts';
import type { AttestedDocumentChecks } from '../../../../shared/attestation/azure/attested-document.ts';
import { OID } from '../../../../shared/encoding/oids.ts';
import {
  encodeSignedData,
  encodeSignerInfo,
} from '../../../../shared/encoding/signed-data-encode.ts';

export const NOON = new Date('2026-11-20T12:00:00Z');
export const root = createRoot('Root', newAuthorityKey(), NOON);
export const issuing = createIssuing('Issuing', newAuthorityKey(), root, NOON);
export const VM = '00000000-0000-4000-8000-00000000000a';
export const SAID = {
  nonce: 'nonce',
  vmId: VM,
  timeStamp: { createdOn: '11/20/26 12:00:00 -0000', expiresOn: '11/20/26 18:00:00 -0000' },
};

interface SignerOptions {
  /** Of the certificate, in place of the right one. */
  readonly publicKeyInfo?: Uint8Array;
  readonly hash?: string;
  readonly content?: string;
  readonly dnsNames?: readonly string[];
}

/** A document of the pair's signer, which the root above vouches for. */
export function documentBy(
  pair: { publicKey: KeyObject; privateKey: KeyObject },
  { publicKeyInfo, hash = 'sha256', content: text, dnsNames }: SignerOptions = {},
): Uint8Array {
  const content = Buffer.from(text ?? JSON.stringify(SAID));
  const key = { ...certificateKey(pair), ...(publicKeyInfo && { publicKeyInfo }) };
  const { certificate, issuer, serialNumber } = createLeaf('eastus', key, issuing, NOON, {
    ...(dnsNames && { dnsNames }),
  });
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

export const checks: AttestedDocumentChecks = {
  roots: [root.certificate],
  intermediates: [issuing.certificate],
  domains: ['metadata.azure.com'],
  at: NOON,
};
