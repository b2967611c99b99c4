/**
 * Binds an attested document to an access token: both must be of one machine. The strict way rests on documented facts
 * only: the machine's own entry in the management API carries the attested `vmId` and the token's identity. Claims that
 * name the machine are undocumented, so they may only ever contradict.
 */
import { denied } from '../../refusal.ts';
import type { MachineClaims, ManagedIdentity } from './access-token.ts';
import type { AttestedMachine } from './attested-document.ts';
import {
  isRefusedHere,
  type MachineDescription,
  type MachineDirectory,
  type MachineIdentity,
  refusedToCaller,
} from './machine-directory.ts';
import { formatMachineId, type MachineId, parseIdentityId, parseMachineId } from './resource-id.ts';

export interface BindingEvidence {
  readonly document: Pick<AttestedMachine, 'vmId'> & { readonly subscriptionId: string };
  readonly identity: ManagedIdentity;
  /** The resource id that the joiner says it has. */
  readonly hint: string | undefined;
}

/** What hint and claims say of the machine, before anybody is asked. */
export interface ClaimedMachine {
  /** The machine to look up, if any is named. */
  readonly id: MachineId | undefined;
  /** What the token's claims name: none, one, or the same machine twice. */
  readonly claims: readonly MachineId[];
}

declare const verified: unique symbol;

/** A machine that has proved what it is. Only binding makes one. */
export interface VerifiedMachine {
  readonly [verified]: true;
  readonly vmId: string;
  readonly tenant: string;
  readonly subscription: string;
  readonly resourceGroup: string;
  /** In lower case. */
  readonly resourceId: string;
  /** The virtual machine's name, or `<set>_<instance>`. */
  readonly name: string;
  /** The name of the scale set that it belongs to, and of a uniform set's instance the number in it. */
  readonly scaleSet?: string | undefined;
  readonly instanceNumber?: string | undefined;
  /** The region, where the management API said so. */
  readonly location?: string | undefined;
  /** Object id of the identity that the machine acts as. */
  readonly oid: string;
  /** What else names that identity, where it is a user-assigned one and the management API said so. */
  readonly identityClientId?: string | undefined;
  readonly identityResourceId?: string | undefined;
  /** Its tags as JSON, where the management API said so and they are no longer than 4,096 characters. */
  readonly tags?: string | undefined;
  readonly binding: 'strict' | 'claims';
}

/** What was found out about a machine, as it is kept: no proof by itself. */
export type VerifiedFacts = Omit<VerifiedMachine, typeof verified>;

/** Reads hint and claims, and refuses what contradicts itself: nothing is looked up. */
export function readClaimedMachine({ document, identity, hint }: BindingEvidence): ClaimedMachine {
  const hinted = hint === undefined ? undefined : parseMachineId(hint);
  if (hint !== undefined && (!hinted || hinted.kind === 'set')) {
    throw mismatch('the resource id that it sent is not that of a virtual machine');
  }
  const claims = machinesOfClaims(identity);
  const [first, second] = claims;
  if (first && second && formatMachineId(first) !== formatMachineId(second)) {
    throw mismatch('the token names two machines');
  }
  if (hinted && first && contradicts(first, hinted)) {
    throw mismatch('the token names another machine than the resource id that it sent');
  }
  const id = hinted ?? first;
  if (id && id.subscription !== document.subscriptionId) {
    throw mismatch('the attested document is of another subscription than the machine');
  }
  return { id, claims };
}

/** Binds through the management API: strict, the default. */
export async function bindStrictly(
  evidence: BindingEvidence,
  claimed: ClaimedMachine,
  directory: MachineDirectory,
): Promise<VerifiedMachine> {
  const { document, identity } = evidence;
  const machine = await lookUp(evidence, claimed, directory);
  if (machine.vmId !== document.vmId) {
    throw mismatch('the attested document is of another machine than the one that it says it is');
  }
  if (machine.id.subscription !== document.subscriptionId) {
    throw mismatch('the machine lies in another subscription than the attested one');
  }
  if (!claimed.claims.every((claim) => names(claim, machine))) {
    throw mismatch('the token names another machine than the attested document');
  }
  const carried = machine.identities.find(({ principalId }) => principalId === identity.oid);
  if (!carried) throw denied('machine_identity', "the machine does not carry the token's identity");
  const named = parseIdentityId(identity.identityClaim ?? '');
  if (named !== undefined && carried.resourceId !== named) {
    throw denied('machine_identity', 'the token names another identity than the machine carries');
  }
  return verifiedMachine(evidence, machine.id, 'strict', machine, carried);
}

/** Binds by the token's claims alone, without the management API: for join tokens that say `vm_binding: claims`. */
export function bindByClaims(
  evidence: BindingEvidence,
  { id, claims }: ClaimedMachine,
): VerifiedMachine {
  const [claim] = claims;
  if (!id || !claim || (claim.kind === 'set' && id.kind === 'vm')) {
    throw mismatch(
      'the token does not name the virtual machine, which vm_binding: claims rests on',
    );
  }
  return verifiedMachine(evidence, id, 'claims');
}

/** The machines that the claims name: `xms_az_rid`, and `xms_mirid` unless it is a user-assigned identity. */
export function machinesOfClaims({ machineClaim, identityClaim }: MachineClaims): MachineId[] {
  const texts = [machineClaim, identityClaim].filter((text) => text !== undefined);
  return texts
    .filter((text) => text === machineClaim || parseIdentityId(text) === undefined)
    .map((text) => {
      const id = parseMachineId(text);
      if (!id) {
        throw denied(
          'access_token_not_machine',
          'the token is of a resource that is no virtual machine',
        );
      }
      return id;
    });
}

/** Whether a claim can't be of the machine that the joiner says it is. Tokens of scale sets name the set only. */
function contradicts(claim: MachineId, hinted: MachineId): boolean {
  if (claim.kind !== 'set') return formatMachineId(claim) !== formatMachineId(hinted);
  // A flexible set's machine is an ordinary one: the management API knows which set it belongs to.
  return hinted.kind === 'vm'
    ? claim.subscription !== hinted.subscription
    : !isInstanceOf(hinted, claim);
}

function names(claim: MachineId, machine: MachineDescription): boolean {
  if (claim.kind !== 'set') return formatMachineId(claim) === formatMachineId(machine.id);
  return machine.scaleSet === formatMachineId(claim) || isInstanceOf(machine.id, claim);
}

const isInstanceOf = (id: MachineId, set: MachineId): boolean =>
  id.kind === 'instance' && formatMachineId({ ...id, kind: 'set' }) === formatMachineId(set);

async function lookUp(
  { document }: BindingEvidence,
  { id, claims }: ClaimedMachine,
  directory: MachineDirectory,
): Promise<MachineDescription> {
  const question = async () =>
    id === undefined
      ? directory.findInSubscription(document.subscriptionId, document.vmId)
      : id.kind === 'set'
        ? directory.findInSet(id, document.vmId)
        : directory.read(id);
  const isAttested = claims.some((claim) => id && formatMachineId(claim) === formatMachineId(id));
  const machine = await question().catch((error) => {
    // What no claim names was the caller's choice, a hint or none.
    throw isRefusedHere(error) && !isAttested ? refusedToCaller(error) : error;
  });
  if (!machine) throw denied('machine_not_found', 'the management API knows no such machine');
  return machine;
}

/** Rows and memory hold them: whoever tags without end is known without tags. */
const MOST_TAGS = 4096;

function verifiedMachine(
  { document, identity }: BindingEvidence,
  id: MachineId,
  binding: VerifiedMachine['binding'],
  described?: MachineDescription,
  carried?: MachineIdentity,
): VerifiedMachine {
  const name =
    id.kind === 'vm' ? id.vm : id.kind === 'instance' ? `${id.set}_${id.instance}` : id.set;
  const tags = described?.tags && JSON.stringify(described.tags);
  const scaleSet = id.kind === 'vm' ? setNameOf(described?.scaleSet) : id.set;
  return {
    vmId: document.vmId,
    tenant: identity.tenant,
    subscription: id.subscription,
    resourceGroup: id.group,
    resourceId: formatMachineId(id),
    name,
    ...(scaleSet !== undefined && { scaleSet }),
    ...(id.kind === 'instance' && { instanceNumber: id.instance }),
    ...(described?.location !== undefined && { location: described.location }),
    oid: identity.oid,
    ...(carried?.clientId !== undefined && { identityClientId: carried.clientId }),
    ...(carried?.resourceId !== undefined && { identityResourceId: carried.resourceId }),
    ...(tags !== undefined && tags.length <= MOST_TAGS && { tags }),
    binding,
  } as VerifiedMachine;
}

/** The name of a flexible set, of its resource id. */
function setNameOf(resourceId: string | undefined): string | undefined {
  const id = resourceId === undefined ? undefined : parseMachineId(resourceId);
  return id?.kind === 'set' ? id.set : undefined;
}

const mismatch = (message: string) => denied('machine_mismatch', message);

/**
 * The machine of a record, if it is the very one that the evidence is of and was verified lately: then nobody needs to
 * be asked again. The evidence itself has been verified anew.
 */
export function recallMachine(
  evidence: BindingEvidence,
  { id }: ClaimedMachine,
  record: VerifiedFacts,
): VerifiedMachine | undefined {
  const same =
    record.vmId === evidence.document.vmId &&
    record.subscription === evidence.document.subscriptionId &&
    record.tenant === evidence.identity.tenant &&
    record.oid === evidence.identity.oid &&
    (id === undefined || formatMachineId(id) === record.resourceId);
  return same ? (record as VerifiedMachine) : undefined;
}
