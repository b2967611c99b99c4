/** The machine directory of a real cloud: Azure's management API through `@azure/arm-compute`. A bundle of its own. */
import {
  ComputeManagementClient,
  type VirtualMachine,
  type VirtualMachineIdentity,
  type VirtualMachineScaleSetVM,
} from '@azure/arm-compute';
import type { TokenCredential } from '@azure/identity';
import * as z from 'zod/mini';
import { withDeadline } from '../../deadline.ts';
import { fetchHttpClient } from '../../fetch-http-client.ts';
import { textOf } from '../../fetch-text.ts';
import { parseWith } from '../../protocol/schema.ts';
import { Refusal, unavailable } from '../../refusal.ts';
import { retryAfterOf, retryAfterSeconds } from '../../retry-after.ts';
import {
  type MachineDescription,
  type MachineDirectory,
  type MachineIdentity,
  refusedHere,
  unavailableHere,
} from './machine-directory.ts';
import { formatMachineId, type MachineId, parseIdentityId, parseMachineId } from './resource-id.ts';

export interface AzureMachineDirectoryOptions {
  /** Address of the management API. */
  readonly management: string;
  /** What tokens for it are for. */
  readonly audience: string;
  readonly credential: TokenCredential;
  readonly fetch: typeof fetch;
  /** How long any of the questions may take, all its calls together. */
  readonly timeoutMs?: number;
}

const MOST_LISTED = 20_000;
const IDENTITY_API = '2023-01-31';
const NO_IDENTITY = 'an identity of the machine can not be read';
/** Of an identity's own resource. */
const MOST_BYTES = 64 * 1024;

type VmId = Extract<MachineId, { kind: 'vm' }>;
type InstanceId = Extract<MachineId, { kind: 'instance' }>;
type SetId = Extract<MachineId, { kind: 'set' }>;

export function createAzureMachineDirectory(
  options: AzureMachineDirectoryOptions,
): MachineDirectory {
  const { management, credential, timeoutMs } = options;
  const scope = `${options.audience}/.default`;

  const client = (subscription: string): ComputeManagementClient =>
    new ComputeManagementClient(credential, subscription, {
      endpoint: management,
      credentials: { scopes: [scope] },
      httpClient: fetchHttpClient(options.fetch),
      // The SDK would sleep for as long as a throttled API asks for. The joiner is told to try again instead.
      retryOptions: { maxRetries: 0 },
    });

  async function describeVm(
    id: VmId,
    vm: VirtualMachine,
    abortSignal: AbortSignal,
  ): Promise<MachineDescription> {
    const set = parseMachineId(vm.virtualMachineScaleSet?.id ?? '');
    return {
      id,
      vmId: `${vm.vmId}`.toLowerCase(),
      scaleSet: set && formatMachineId(set),
      location: vm.location,
      identities: await identitiesOf(vm.identity, abortSignal),
      tags: vm.tags ?? {},
    };
  }

  /** A uniform set's instances have the identities of the set. */
  async function describeInstance(
    id: InstanceId,
    instance: VirtualMachineScaleSetVM,
    abortSignal: AbortSignal,
  ): Promise<MachineDescription> {
    const set = await client(id.subscription).virtualMachineScaleSets.get(id.group, id.set, {
      abortSignal,
    });
    return {
      id,
      vmId: `${instance.vmId}`.toLowerCase(),
      scaleSet: undefined,
      location: instance.location,
      identities: await identitiesOf(set.identity, abortSignal),
      tags: instance.tags ?? {},
    };
  }

  async function identitiesOf(
    identity: VirtualMachineIdentity | undefined,
    abortSignal: AbortSignal,
  ): Promise<MachineIdentity[]> {
    const own = identity?.principalId
      ? [{ principalId: identity.principalId.toLowerCase(), resourceId: undefined }]
      : [];
    const assigned = Object.entries(identity?.userAssignedIdentities ?? {}).map(
      async ([written, shown]): Promise<MachineIdentity[]> => {
        const id = parseIdentityId(written);
        // Nobody can act as an identity whose name can't be read.
        if (id === undefined) return [];
        // Machines of flexible sets may show null here: the identity itself knows.
        const { principalId, clientId } = shown.principalId
          ? shown
          : await readIds(id, abortSignal);
        return [
          {
            principalId: `${principalId}`.toLowerCase(),
            clientId: clientId?.toLowerCase(),
            resourceId: id,
          },
        ];
      },
    );
    return [...own, ...(await Promise.all(assigned)).flat()];
  }

  /** Our own token goes to an address that an answer names: only to that of an identity. */
  async function readIds(id: string, signal: AbortSignal): Promise<IdentityIds> {
    const ours = await credential.getToken(scope, { abortSignal: signal });
    if (!ours) throw unavailable('the broker gets no token for the management API');
    const response = await options.fetch(`${management}${id}?api-version=${IDENTITY_API}`, {
      headers: { authorization: `Bearer ${ours.token}` },
      redirect: 'error',
      signal,
    });
    const asked = response.headers.get('retry-after') ?? undefined;
    const pause = retryAfterSeconds(asked, new Date());
    if (!response.ok) {
      throw (isRefusal(response.status) ? refusedHere : unavailableHere)(NO_IDENTITY, pause);
    }
    const parsed = parseWith(identityResource, JSON.parse(await textOf(response, MOST_BYTES)));
    if (!parsed.ok) throw unavailableHere(NO_IDENTITY);
    return parsed.value.properties;
  }

  async function findVm(
    subscription: string,
    vmId: string,
    abortSignal: AbortSignal,
  ): Promise<MachineDescription | undefined> {
    const all = client(subscription).virtualMachines.listAll({ abortSignal });
    for await (const { id, machine } of withVmId(all, vmId, 'subscription')) {
      if (id.kind === 'vm') return describeVm(id, machine, abortSignal);
    }
    return undefined;
  }

  async function findInSet(
    set: SetId,
    vmId: string,
    abortSignal: AbortSignal,
  ): Promise<MachineDescription | undefined> {
    const all = client(set.subscription).virtualMachineScaleSetVMs.list(set.group, set.set, {
      abortSignal,
    });
    for await (const { id, machine } of withVmId(all, vmId, 'scale set')) {
      return id.kind === 'instance'
        ? describeInstance(id, machine, abortSignal)
        : read(id, abortSignal);
    }
    return undefined;
  }

  async function read(
    id: MachineId,
    abortSignal: AbortSignal,
  ): Promise<MachineDescription | undefined> {
    if (id.kind === 'vm') {
      return describeVm(
        id,
        await client(id.subscription).virtualMachines.get(id.group, id.vm, { abortSignal }),
        abortSignal,
      );
    }
    if (id.kind === 'set') return undefined;
    const { subscription, group, set, instance } = id;
    const found = await client(subscription).virtualMachineScaleSetVMs.get(group, set, instance, {
      abortSignal,
    });
    return describeInstance(id, found, abortSignal);
  }

  const inTime = (
    ask: (signal: AbortSignal) => Promise<MachineDescription | undefined>,
    late: (message: string) => Refusal,
  ): Promise<MachineDescription | undefined> =>
    orRefusal(withDeadline(ask, 'the management API does not answer', timeoutMs, late));

  return {
    read: (id) => inTime((signal) => read(id, signal), unavailable),
    // A list that takes too long says nothing of machines that are read by their ids.
    findInSet: (set, vmId) => inTime((signal) => findInSet(set, vmId, signal), unavailableHere),
    findInSubscription: (subscription, vmId) =>
      inTime((signal) => findVm(subscription, vmId, signal), unavailableHere),
  };
}

/** Those of a list that have this `vmId` and an id that can be read. A list that is too long for a search is no answer. */
async function* withVmId<T extends { readonly id?: string; readonly vmId?: string }>(
  list: AsyncIterable<T>,
  vmId: string,
  where: string,
): AsyncGenerator<{ readonly id: MachineId; readonly machine: T }> {
  let listed = 0;
  for await (const machine of list) {
    listed += 1;
    if (listed > MOST_LISTED)
      throw refusedHere(`the ${where} has too many machines to look for one`);
    const id = machine.id === undefined ? undefined : parseMachineId(machine.id);
    if (machine.vmId?.toLowerCase() === vmId && id) yield { id, machine };
  }
}

const identityResource = z.object({
  properties: z.object({
    principalId: z.string().check(z.minLength(1)),
    clientId: z.optional(z.string().check(z.minLength(1))),
  }),
});
type IdentityIds = z.infer<typeof identityResource>['properties'];

/** 404 is an answer; anything else that fails is no answer, and never an admission. */
async function orRefusal(
  answer: Promise<MachineDescription | undefined>,
): Promise<MachineDescription | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { statusCode } = error as { statusCode?: unknown };
    if (statusCode === 404) return undefined;
    throw error instanceof Refusal ? error : asUnavailable(error, statusCode);
  }
}

/** Seconds after which a refused or throttled question is worth asking again, where the API doesn't say. */
const REFUSED_SECONDS = 30;
const THROTTLED = 429;

/** Whether the API answers, and says no to this question alone. */
const isRefusal = (status: unknown): boolean =>
  typeof status === 'number' && status < 500 && status !== THROTTLED;

function asUnavailable(error: unknown, status: unknown): Refusal {
  const said = retryAfterOf(error);
  const told = typeof status === 'number' ? ` (status ${status})` : '';
  if (status === 403) {
    const what = "the broker's identity may not read this machine";
    return refusedHere(`${what}${told}`, said ?? REFUSED_SECONDS, error);
  }
  const what = 'the management API can not be asked now';
  if (isRefusal(status)) return refusedHere(`${what}${told}`, said, error);
  const pause = said ?? (status === THROTTLED ? REFUSED_SECONDS : undefined);
  return unavailable(`${what}${told}`, pause, error);
}
