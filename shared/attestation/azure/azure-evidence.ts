/** A joiner's Azure evidence, checked in the order of the design: document, token, and what both say of the machine. */
import { decodeBase64 } from '../../encoding/base64.ts';
import type { AzureEvidence } from '../../protocol/evidence.ts';
import { badInput, denied } from '../../refusal.ts';
import { type ManagedIdentity, readMachineClaims, verifyMachineToken } from './access-token.ts';
import {
  type AttestedDocumentChecks,
  type AttestedMachine,
  type ClaimedVm,
  verifyAttestedDocument,
} from './attested-document.ts';
import type { CloudProfile } from './cloud-profile.ts';
import type { DirectoryKeys } from './directory-keys.ts';
import { readToken } from './directory-token.ts';
import type { KnownCertificates } from './known-certificates.ts';
import { type BindingEvidence, machinesOfClaims } from './machine-binding.ts';
import { type MachineId, parseMachineId } from './resource-id.ts';

export interface AzureTrust {
  readonly cloud: CloudProfile;
  /** DER of the roots that sign attested documents. */
  readonly roots: readonly Uint8Array[];
  readonly known: KnownCertificates;
  readonly keys: DirectoryKeys;
  readonly audiences: readonly string[];
}

export interface Freshness extends Pick<AttestedDocumentChecks, 'added' | 'isAvoided'> {
  readonly nonce: string;
  readonly at: Date;
  /** Is told what the document says before any signature is checked, and throws where it need not be. */
  readonly onClaims: (claims: ClaimedVm) => void;
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
      ...fresh,
    },
  );
  const { subscriptionId } = document;
  if (subscriptionId === undefined)
    throw denied('document_malformed', 'the attested document names no subscription');
  return { ...document, subscriptionId };
}

/** Verifies the access token against the tenant's keys. `tenants` are those that join token and settings name. */
export async function verifyToken(
  { access_token }: AzureEvidence,
  trust: AzureTrust,
  tenants: readonly string[],
  at: Date,
): Promise<ManagedIdentity> {
  const { keys, audiences, cloud } = trust;
  return verifyMachineToken(readToken(access_token), {
    keys,
    tenants,
    issuers: cloud.issuers,
    audiences,
    at,
  });
}

/** The machine that a joiner says it is: by its hint, else by what its token says. Nothing of it is verified. */
export function claimedMachine({
  resource_id,
  access_token,
}: AzureEvidence): MachineId | undefined {
  if (resource_id !== undefined) return parseMachineId(resource_id);
  return machinesOfClaims(readMachineClaims(readToken(access_token)))[0];
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
