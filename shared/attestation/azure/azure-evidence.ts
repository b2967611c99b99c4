/** A joiner's Azure evidence, checked in the order of the design: document, token, and what both say of the machine. */
import { decodeBase64 } from '../../encoding/base64.ts';
import type { AzureEvidence } from '../../protocol/evidence.ts';
import { badInput, denied } from '../../refusal.ts';
import { type ManagedIdentity, verifyMachineToken } from './access-token.ts';
import { type AttestedMachine, verifyAttestedDocument } from './attested-document.ts';
import type { CloudProfile } from './cloud-profile.ts';
import type { DirectoryKeys } from './directory-keys.ts';
import type { KnownCertificates } from './known-certificates.ts';
import type { BindingEvidence } from './machine-binding.ts';

export interface AzureTrust {
  readonly cloud: CloudProfile;
  /** DER of the roots that sign attested documents. */
  readonly roots: readonly Uint8Array[];
  readonly known: KnownCertificates;
  readonly keys: DirectoryKeys;
  readonly audiences: readonly string[];
}

export interface Freshness {
  readonly nonce: string;
  readonly at: Date;
}

export type AttestedVm = AttestedMachine & { readonly subscriptionId: string };

/** Verifies the attested document. Local: nothing is fetched. */
export function verifyDocument(
  evidence: AzureEvidence,
  trust: AzureTrust,
  fresh: Freshness,
): AttestedVm {
  const document = verifyAttestedDocument(
    bytesOf(evidence.attested_data.signature, 'azure.attested_data.signature'),
    {
      roots: trust.roots,
      intermediates: evidence.intermediates.map((text, i) =>
        bytesOf(text, `azure.intermediates[${i}]`),
      ),
      domains: trust.cloud.attestedDomains,
      known: trust.known,
      nonce: fresh.nonce,
      at: fresh.at,
    },
  );
  const { subscriptionId } = document;
  if (subscriptionId === undefined)
    throw denied('document_malformed', 'the attested document names no subscription');
  return { ...document, subscriptionId };
}

/** Verifies the access token against the tenant's keys. `tenants` are those that join token and settings name. */
export function verifyToken(
  evidence: AzureEvidence,
  trust: AzureTrust,
  tenants: readonly string[],
  at: Date,
): Promise<ManagedIdentity> {
  const { keys, audiences, cloud } = trust;
  return verifyMachineToken(evidence.access_token, {
    keys,
    tenants,
    issuers: cloud.issuers,
    audiences,
    at,
  });
}

export const bindingEvidence = (
  evidence: AzureEvidence,
  document: AttestedVm,
  identity: ManagedIdentity,
): BindingEvidence => ({ document, identity, hint: evidence.resource_id });

function bytesOf(text: string, field: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (!bytes) throw badInput({ field, message: 'expected base64' });
  return bytes;
}
