/** Join method `azure`: an attested document and a managed identity's access token, both of one virtual machine. */
import { createHash } from 'node:crypto';
import type { ClaimedVm } from '../../attestation/azure/attested-document.ts';
import {
  CLOCK_SKEW_SECONDS,
  DOCUMENT_SECONDS,
  endsInPinned,
} from '../../attestation/azure/attested-document.ts';
import {
  type AttestedVm,
  type AzureTrust,
  bindingEvidence,
  claimedMachine,
  verifyDocument,
  verifyToken,
} from '../../attestation/azure/azure-evidence.ts';
import type { MachineBinder } from '../../attestation/azure/machine-binder.ts';
import { readClaimedMachine, type VerifiedFacts } from '../../attestation/azure/machine-binding.ts';
import {
  formatMachineId,
  type MachineId,
  parseMachineId,
} from '../../attestation/azure/resource-id.ts';
import { type Certificate, sameBytes } from '../../encoding/certificate.ts';
import type { AzureEvidence } from '../../protocol/evidence.ts';
import { instanceIdOf } from '../../protocol/join.ts';
import { badInput, denied, type Refusal } from '../../refusal.ts';
import {
  couldMatch,
  evaluateAllowRules,
  type MachineFacts,
} from '../../resources/azure-rule-decision.ts';
import {
  type AddedRoot,
  type DocumentAnchors,
  documentAnchors,
} from '../../resources/document-anchors.ts';
import type { JoinToken } from '../../resources/join-token.ts';
import { specOf } from '../../resources/join-token-spec.ts';
import type { KeptFacts } from '../../storage/instances.ts';
import type { Snapshot } from '../../storage/resources.ts';
import type { Report } from '../report.ts';
import type { JoinMethod } from './method.ts';

export interface AzureParts {
  readonly trust: AzureTrust;
  /** Tenants whose machines may join even where a rule names no tenant. */
  readonly tenants: readonly string[];
  readonly binder: MachineBinder;
  /** Told of each document of good signature that an added root alone explains. */
  readonly onAddedRoot: (root: AddedRoot) => void;
  readonly now: () => Date;
}

interface Examined {
  readonly evidence: AzureEvidence;
  readonly document: AttestedVm;
}

/** The machine, and when the management API was asked: Unix seconds. */
type AzureFacts = VerifiedFacts & { readonly method: 'azure'; readonly verified: number };

export function azureMethod({
  trust,
  tenants,
  binder,
  onAddedRoot,
  now,
}: AzureParts): JoinMethod<Examined, AzureFacts> {
  return {
    // Clocks may differ both ways.
    freshSeconds: DOCUMENT_SECONDS + 2 * CLOCK_SKEW_SECONDS,
    firstInstanceId: ({ digest }) => instanceIdOf(digest),
    usedReason: 'request_used',

    examine({ azure: evidence }, { digest, joinToken, resources, at }, report) {
      if (!evidence)
        throw badInput({ field: 'azure', message: 'expected the evidence of join method azure' });
      report({
        access_token_sha256: createHash('sha256').update(evidence.access_token).digest('hex'),
      });
      const anchors = resources && anchorsIn(resources, at);
      const document = verifyDocument(evidence, trust, {
        nonce: digest.slice(0, 32),
        at,
        ...(anchors && { added: anchors.added.map(({ certificate }) => certificate) }),
        ...(anchors?.deniesAny && {
          isAvoided: (one: Certificate) => anchors.deniedBy(one) !== undefined,
        }),
        onClaims: (claims) => joinToken && checkClaims(joinToken, claims, evidence, report),
      });
      report({
        vm_id: document.vmId,
        subscription: document.subscriptionId,
        ...signerOf(document),
      });
      const claimed = parseMachineId(evidence.resource_id ?? '');
      if (claimed) report({ claimed_resource_id: formatMachineId(claimed) });
      const added = anchors && addedRootOf(document, anchors, trust);
      if (added) {
        report({ azure_root: added.name });
        onAddedRoot(added);
      }
      return { evidence, document };
    },

    checkTrusted({ document }, resources, at) {
      const anchors = anchorsIn(resources, at);
      const pinned = endsInPinned(document.path, trust.roots);
      if (!pinned && !addedRootOf(document, anchors, trust)) {
        throw denied(
          'document_chain',
          "the document's signer is not trusted: the root that was added for it is gone",
        );
      }
      const name = document.path.map(anchors.deniedBy).find((found) => found !== undefined);
      if (name === undefined) return;
      throw denied(
        'document_signer_denied',
        `azure_denied_signer ${name} denies a certificate that the document rests on, or its key`,
        { denied_signer: name },
      );
    },

    provesLocally: true,
    machineOf: ({ document }) => document.vmId,

    checkCouldMatch({ document }, joinToken, report) {
      checkCouldMatch(joinToken, { subscription: document.subscriptionId });
      // Where a rule names more than a subscription, the token shows whether the machine is meant.
      if (isNamed(joinToken, document)) report({ known: true });
    },

    mayBe: ({ document }, kept) => isAzure(kept) && kept.vmId === document.vmId,

    async prove({ evidence, document }, joinToken, kept, report) {
      const identity = await verifyToken(evidence, trust, tenantsOf(joinToken, tenants), now());
      report({
        tenant: identity.tenant,
        identity: identity.oid,
        ...(identity.tokenId !== undefined && { access_token_uti: identity.tokenId }),
      });
      const bound = bindingEvidence(evidence, document, identity);
      const claimed = readClaimedMachine(bound);
      if (claimed.id) report({ claimed_resource_id: formatMachineId(claimed.id) });
      checkCouldMatch(joinToken, {
        tenant: identity.tenant,
        subscription: document.subscriptionId,
        resourceGroup: claimed.id?.group,
      });
      report({ known: true });
      const binding = specOf(joinToken, 'azure').azure.vm_binding ?? 'strict';
      const known = kept && isAzure(kept) ? kept : undefined;
      const { machine, verified } = await binder.bind(bound, claimed, binding, known);
      report({
        resource_id: machine.resourceId,
        claimed_resource_id: undefined,
        vm_binding: binding,
      });
      return { ...machine, method: 'azure', verified: Math.floor(verified.getTime() / 1000) };
    },

    decide(facts, joinToken, report) {
      const decision = evaluateAllowRules(specOf(joinToken, 'azure').azure.allow, ruleFacts(facts));
      if (decision.audited.length > 0) report({ audit_rules: decision.audited });
      if (!decision.admitted) throw ruleMismatch(joinToken, decision.misses);
      report({ rule: `azure.allow[${decision.rule}]` });
    },

    joinsOften: true,

    lockTargets: ({ vmId, oid }) => ({ machine: vmId, identity: oid }),

    hostOf: (facts) => ({
      machine: machineName(facts),
      incarnation: facts.vmId,
      facts: {
        vm_name: facts.instanceNumber === undefined ? facts.name : undefined,
        resource_group: facts.resourceGroup,
        subscription: facts.subscription,
        location: facts.location,
        scale_set: facts.scaleSet,
        instance_id: facts.instanceNumber,
      },
    }),
  };
}

const anchorsIn = (resources: Snapshot, at: Date): DocumentAnchors =>
  documentAnchors(resources.all('azure_root'), resources.all('azure_denied_signer'), at);

/** The added root that a document's path ends in, unless the same one is pinned. */
function addedRootOf(
  { path }: AttestedVm,
  { added }: DocumentAnchors,
  { roots }: AzureTrust,
): AddedRoot | undefined {
  if (endsInPinned(path, roots)) return undefined;
  const root = path.at(-1);
  return added.find(({ certificate }) => root && sameBytes(certificate.der, root.der));
}

/** By claims alone nothing ties a resource id to the machine: its document does say which one it is. */
const machineName = ({ binding, tenant, resourceId, vmId }: AzureFacts): string =>
  binding === 'strict' ? `azure:${tenant}:${resourceId}` : `azure:${tenant}:${vmId}`;

/** Rows are written from `AzureFacts` only. */
const isAzure = (kept: KeptFacts): kept is KeptFacts & AzureFacts => kept.method === 'azure';

/** Tenants that may become part of an address: those of the settings and of the rules (rule 6). */
const tenantsOf = (joinToken: JoinToken, known: readonly string[]): string[] => [
  ...known,
  ...specOf(joinToken, 'azure').azure.allow.flatMap(({ tenant }) => tenant ?? []),
];

const signerOf = ({ path: [signer] }: AttestedVm) =>
  signer && { document_signer: createHash('sha256').update(signer.der).digest('hex') };

/** Whether a rule is for every machine of the subscription that is attested. */
const isNamed = (joinToken: JoinToken, { subscriptionId: subscription }: AttestedVm): boolean =>
  couldMatch(
    specOf(joinToken, 'azure').azure.allow.filter(
      ({ subscription: _, mode: __, ...narrower }) => Object.keys(narrower).length === 0,
    ),
    { tenant: undefined, subscription, resourceGroup: undefined },
  );

/**
 * Denies before any signature is checked whom no rule admits even if all is true that the machine says of itself: a
 * signature could not make it better. What is told is only what it claims.
 */
function checkClaims(
  joinToken: JoinToken,
  { vmId, subscriptionId: subscription }: ClaimedVm,
  evidence: AzureEvidence,
  report: Report,
): void {
  let claimed: MachineId | undefined;
  try {
    checkCouldMatch(joinToken, { subscription });
    claimed = claimedMachine(evidence);
    checkCouldMatch(joinToken, { subscription, resourceGroup: claimed?.group });
  } catch (error) {
    report({
      claimed_vm_id: vmId,
      ...(subscription !== undefined && { claimed_subscription: subscription }),
      ...(claimed && { claimed_resource_id: formatMachineId(claimed) }),
    });
    throw error;
  }
}

function checkCouldMatch(joinToken: JoinToken, facts: MachineFacts): void {
  const rules = specOf(joinToken, 'azure').azure.allow;
  if (couldMatch(rules, facts)) return;
  const decision = evaluateAllowRules(rules, facts, 'unknown facts may match');
  throw ruleMismatch(joinToken, decision.admitted ? [] : decision.misses);
}

/** A verified machine as rules see it. By claims alone nothing is known of what the management API says. */
function ruleFacts({ tags, ...machine }: AzureFacts): MachineFacts {
  const { tenant, subscription, resourceGroup } = machine;
  if (machine.binding === 'claims') return { tenant, subscription, resourceGroup };
  const { oid, identityClientId, identityResourceId } = machine;
  return {
    ...machine,
    scaleSet: machine.scaleSet ?? '',
    identity: [oid, identityClientId, identityResourceId].filter((id) => id !== undefined),
    tags: tags === undefined ? undefined : (JSON.parse(tags) as Record<string, string>),
  };
}

/** Of more rules than these nobody reads what stood in the way. */
const MOST_TOLD = 8;

function ruleMismatch({ metadata }: JoinToken, misses: readonly string[]): Refusal {
  const more = misses.length > MOST_TOLD ? `; and ${misses.length - MOST_TOLD} rules more` : '';
  return denied(
    'rule_mismatch',
    `no rule of join token ${metadata.name} admits this machine: ${misses.slice(0, MOST_TOLD).join('; ')}${more}`,
  );
}
