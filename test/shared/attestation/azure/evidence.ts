/** What a machine of Azure proves itself with, and what the broker holds it against. */
import type { AzureTrust } from '../../../../shared/attestation/azure/azure-evidence.ts';
import { AZURE_CLOUDS } from '../../../../shared/attestation/azure/cloud-profile.ts';
import { createKnownCertificates } from '../../../../shared/attestation/azure/known-certificates.ts';
import type { AzureEvidence } from '../../../../shared/protocol/evidence.ts';
import { sharedRsaKeys } from '../../../shared-rsa-keys.ts';
import { documentBy, issuing, root, SAID } from './attested-documents.ts';
import { CHECKS, claimsOf, tokenOf } from './directory-tokens.ts';

export const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
export const idOf = (name: string): string =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/Group1/providers/Microsoft.Compute/virtualMachines/${name}`;
export const document = (said: object = { subscriptionId: SUBSCRIPTION }): string =>
  Buffer.from(
    documentBy(sharedRsaKeys().keyPair('stranger'), {
      content: JSON.stringify({ ...SAID, ...said }),
    }),
  ).toString('base64');
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export const evidence = (change: Partial<AzureEvidence> = {}): AzureEvidence => ({
  attested_data: { encoding: 'pkcs7', signature: document() },
  intermediates: [base64(issuing.certificate)],
  access_token: tokenOf(JSON.stringify(claimsOf({ xms_mirid: idOf('vm-a') }))),
  ...change,
});
export const attested = (signature: string) =>
  evidence({ attested_data: { encoding: 'pkcs7', signature } });

export const trust = (change: Partial<AzureTrust> = {}): AzureTrust => ({
  cloud: { ...AZURE_CLOUDS.AzurePublic, issuers: CHECKS.issuers },
  roots: [root.certificate],
  known: createKnownCertificates(),
  keys: CHECKS.keys,
  audiences: CHECKS.audiences,
  ...change,
});
