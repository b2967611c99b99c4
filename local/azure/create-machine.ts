/** Makes a machine: signs its documents and tokens, and runs its IMDS. */
import { randomUUID } from 'node:crypto';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import type { AzureEvidence } from '../../shared/protocol/evidence.ts';
import { createAccessToken } from './evidence/access-token.ts';
import { createAttestedDocument } from './evidence/attested-document.ts';
import { chooseIdentity, type IdentityHolder, type ManagedIdentity } from './identities.ts';
import type {
  EvidenceOptions,
  Machine,
  MachineScaleSet,
  MachineSubscription,
  ServedBends,
} from './machine.ts';
import { createFaultSwitch } from './services/faults.ts';
import { createImds } from './services/imds.ts';
import { createService, NetworkFailure } from './services/service.ts';
import { fetchThrough } from './services/simulated-fetch.ts';
import type { World } from './world.ts';

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
  readonly subscription: MachineSubscription;
  readonly scaleSet: MachineScaleSet | undefined;
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
