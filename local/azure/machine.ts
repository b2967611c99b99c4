/** A machine, virtual machine or scale-set instance alike: the evidence that it can give, and its IMDS. */
import { randomUUID } from 'node:crypto';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import type { AzureEvidence } from '../../shared/protocol/evidence.ts';
import type { SigningChain } from './certificates/signing-chain.ts';
import { type AccessTokenOptions, createAccessToken } from './evidence/access-token.ts';
import {
  type AttestedDocument,
  createAttestedDocument,
  type DocumentOptions,
} from './evidence/attested-document.ts';
import { chooseIdentity, type IdentityHolder, type ManagedIdentity } from './identities.ts';
import type { ScaleSet } from './scale-set.ts';
import { createFaultSwitch, type FaultSwitch } from './services/faults.ts';
import { createImds } from './services/imds.ts';
import { createService, NetworkFailure } from './services/service.ts';
import { fetchThrough } from './services/simulated-fetch.ts';
import type { Subscription } from './subscription.ts';
import type { Tenant } from './tenant.ts';
import type { World } from './world.ts';

interface MachineTokenOptions extends AccessTokenOptions {
  /** Whose token; by default the one that IMDS would pick. It need not be one of the machine's. */
  readonly identity?: ManagedIdentity;
}

export interface EvidenceOptions {
  readonly nonce?: string;
  readonly document?: DocumentOptions;
  /** Who signs the document; its intermediates come along. */
  readonly chain?: SigningChain;
  /** Options of the machine's own token, or any token at all. */
  readonly token?: MachineTokenOptions | string;
  /** DER, in place of the chain's. */
  readonly intermediates?: readonly Uint8Array[];
  /** The hint, in place of the machine's resource id; `null` leaves it out. */
  readonly resourceId?: string | null;
}

/** What the machine's IMDS bends in everything that it hands out. */
interface ServedBends {
  readonly document?: DocumentOptions;
  readonly token?: MachineTokenOptions;
}

export interface Machine {
  readonly name: string;
  readonly vmId: string;
  /** As IMDS writes it. */
  readonly resourceId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly tenant: Tenant;
  readonly subscription: Subscription;
  readonly scaleSet: ScaleSet | undefined;
  /** A uniform set's instances carry the set's. */
  readonly identities: IdentityHolder;
  readonly removed: boolean;

  attestedDocument(options?: DocumentOptions): AttestedDocument;
  accessToken(options?: MachineTokenOptions): string;
  /** Document, token, intermediates and resource id: what the machine sends to the broker. */
  evidence(options?: EvidenceOptions): AzureEvidence;
  /** DER of the issuing certificates that the machine would download. */
  readonly intermediates: readonly Uint8Array[];

  /** The machine's IMDS. */
  imds(request: Request): Promise<Response>;
  /** `fetch` as the machine has it: IMDS at its well-known address, and the cloud's services. */
  readonly fetch: typeof fetch;
  /** Faults of the machine's IMDS. */
  readonly faults: FaultSwitch;
  readonly served: ServedBends;
  /** Bends what IMDS hands out from now on; `{}` ends it. */
  serve(bends: ServedBends): void;

  /** Deletes the machine: the management API forgets it, and its IMDS is gone. */
  remove(): void;
}

export interface MachineParts {
  readonly world: World;
  readonly name: string;
  readonly vmId: string | undefined;
  readonly resourceId: string;
  /** The resource that tokens name: the machine, or its uniform set. */
  readonly tokenResourceId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly subscription: Subscription;
  readonly scaleSet: ScaleSet | undefined;
  readonly identities: IdentityHolder;
  readonly onRemove: () => void;
}

const IMDS_ORIGIN = 'http://169.254.169.254';

export function createMachine(parts: MachineParts): Machine {
  const { world, subscription, identities } = parts;
  const { tenant } = subscription;
  const vmId = parts.vmId?.toLowerCase() ?? randomUUID();
  const facts = { vmId, subscriptionId: subscription.id, region: parts.location };
  const faults = createFaultSwitch();
  let removed = false;
  let served: ServedBends = {};

  const answerImds = createImds({ now: world.now, machine: () => machine });
  const imds = createService({
    name: 'imds',
    calls: world.calls,
    faults,
    answer: (request, path) => {
      if (removed) throw new NetworkFailure(`the machine ${parts.name} is gone`);
      return answerImds(request, path);
    },
    errorBody: (status) => ({ error: 'simulated_fault', error_description: `Status ${status}` }),
  });

  const machine: Machine = {
    name: parts.name,
    vmId,
    resourceId: parts.resourceId,
    resourceGroup: parts.resourceGroup,
    location: parts.location,
    tags: parts.tags,
    tenant,
    subscription,
    scaleSet: parts.scaleSet,
    identities,
    get removed() {
      return removed;
    },

    attestedDocument: (options) =>
      createAttestedDocument(facts, world.pki.chain(), world.now(), options),
    accessToken({ identity = defaultIdentity(machine), ...options } = {}) {
      const subject = { identity, usedFrom: parts.tokenResourceId };
      return createAccessToken(subject, tenant, world.now(), options);
    },
    evidence: (options = {}) => evidenceOf(machine, options),
    get intermediates() {
      return world.pki.chain().intermediates;
    },

    imds: (request) => imds(request, new URL(request.url).pathname),
    fetch: fetchThrough((request) =>
      new URL(request.url).origin === IMDS_ORIGIN ? machine.imds(request) : world.fetch(request),
    ),
    faults,
    get served() {
      return served;
    },
    serve(bends) {
      served = bends;
    },
    remove() {
      removed = true;
      parts.onRemove();
    },
  };
  return machine;
}

function defaultIdentity({ name, identities }: Machine): ManagedIdentity {
  const chosen = chooseIdentity(identities);
  if (typeof chosen === 'object') return chosen;
  throw new Error(
    chosen === 'none'
      ? `The machine ${name} has no identity: give it one, or name the identity of the token.`
      : `The machine ${name} has several identities: name the identity of the token.`,
  );
}

function evidenceOf(machine: Machine, options: EvidenceOptions): AzureEvidence {
  const { nonce, chain, document, token, resourceId } = options;
  const intermediates = options.intermediates ?? chain?.intermediates ?? machine.intermediates;
  return {
    attested_data: machine.attestedDocument({
      ...(nonce !== undefined && { nonce }),
      ...(chain && { chain }),
      ...document,
    }),
    intermediates: intermediates.map(encodeBase64),
    access_token: typeof token === 'string' ? token : machine.accessToken(token),
    ...(resourceId !== null && { resource_id: resourceId ?? machine.resourceId }),
  };
}
