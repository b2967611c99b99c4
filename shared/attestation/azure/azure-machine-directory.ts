/** The machine directory of a real cloud: Azure's management API through `@azure/arm-compute`. A bundle of its own. */
import {
  ComputeManagementClient,
  type VirtualMachine,
  type VirtualMachineIdentity,
  type VirtualMachineScaleSetVM,
} from '@azure/arm-compute';
import type { TokenCredential } from '@azure/identity';
import * as z from 'zod/mini';
import { fetchHttpClient } from '../../fetch-http-client.ts';
import { parseWith } from '../../protocol/schema.ts';
import { type Refusal, unavailable } from '../../refusal.ts';
import type { MachineDescription, MachineDirectory, MachineIdentity } from './machine-directory.ts';
import { formatMachineId, type MachineId, parseIdentityId, parseMachineId } from './resource-id.ts';

export interface AzureMachineDirectoryOptions {
  /** Address of the management API. */
  readonly management: string;
  /** What tokens for it are for. */
  readonly audience: string;
  readonly credential: TokenCredential;
  readonly fetch: typeof fetch;
  /** How long reading one resource may take. */
  readonly timeoutMs?: number;
}

const CALL_TIMEOUT_MS = 8000;
const LIST_TIMEOUT_MS = 30_000;
const MOST_LISTED = 20_000;
const IDENTITY_API = '2023-01-31';

type VmId = Extract<MachineId, { kind: 'vm' }>;
type InstanceId = Extract<MachineId, { kind: 'instance' }>;
type SetId = Extract<MachineId, { kind: 'set' }>;

export function createAzureMachineDirectory(
  options: AzureMachineDirectoryOptions,
): MachineDirectory {
  const { management, credential, timeoutMs = CALL_TIMEOUT_MS } = options;
  const scope = `${options.audience}/.default`;
  const timeLimit = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) });

  const client = (subscription: string): ComputeManagementClient =>
    new ComputeManagementClient(credential, subscription, {
      endpoint: management,
      credentials: { scopes: [scope] },
      httpClient: fetchHttpClient(options.fetch),
      // The SDK would sleep for as long as a throttled API asks for. The joiner is told to try again instead.
      retryOptions: { maxRetries: 0 },
    });

  async function describeVm(id: VmId, vm: VirtualMachine): Promise<MachineDescription> {
    const set = parseMachineId(vm.virtualMachineScaleSet?.id ?? '');
    return {
      id,
      vmId: `${vm.vmId}`.toLowerCase(),
      scaleSet: set && formatMachineId(set),
      location: vm.location,
      identities: await identitiesOf(vm.identity),
    };
  }

  /** A uniform set's instances have the identities of the set. */
  async function describeInstance(
    id: InstanceId,
    instance: VirtualMachineScaleSetVM,
  ): Promise<MachineDescription> {
    const set = await client(id.subscription).virtualMachineScaleSets.get(
      id.group,
      id.set,
      timeLimit(),
    );
    return {
      id,
      vmId: `${instance.vmId}`.toLowerCase(),
      scaleSet: undefined,
      location: instance.location,
      identities: await identitiesOf(set.identity),
    };
  }

  async function identitiesOf(
    identity: VirtualMachineIdentity | undefined,
  ): Promise<MachineIdentity[]> {
    const own = identity?.principalId
      ? [{ principalId: identity.principalId.toLowerCase(), resourceId: undefined }]
      : [];
    const assigned = Object.entries(identity?.userAssignedIdentities ?? {}).map(
      async ([written, { principalId }]): Promise<MachineIdentity[]> => {
        const id = parseIdentityId(written);
        // Nobody can act as an identity whose name can't be read.
        if (id === undefined) return [];
        // Machines of flexible sets may show null here: the identity itself knows.
        const known = principalId ?? (await readPrincipalId(id));
        return [{ principalId: known.toLowerCase(), resourceId: id }];
      },
    );
    return [...own, ...(await Promise.all(assigned)).flat()];
  }

  /** Our own token goes to an address that an answer names: only to that of an identity. */
  async function readPrincipalId(id: string): Promise<string> {
    const { token } = (await credential.getToken(scope)) ?? {};
    const response = await options.fetch(`${management}${id}?api-version=${IDENTITY_API}`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw unavailable('an identity of the machine can not be read');
    const parsed = parseWith(identityResource, await response.json());
    if (!parsed.ok) throw unavailable('an identity of the machine can not be read');
    return parsed.value.properties.principalId;
  }

  async function findVm(
    subscription: string,
    vmId: string,
  ): Promise<MachineDescription | undefined> {
    let listed = 0;
    for await (const vm of client(subscription).virtualMachines.listAll(listLimit())) {
      listed += 1;
      if (listed > MOST_LISTED)
        throw unavailable('the subscription has too many machines to look for one');
      const id = vm.id === undefined ? undefined : parseMachineId(vm.id);
      if (vm.vmId?.toLowerCase() === vmId && id?.kind === 'vm') return describeVm(id, vm);
    }
    return undefined;
  }

  async function findInSet(set: SetId, vmId: string): Promise<MachineDescription | undefined> {
    let listed = 0;
    for await (const instance of client(set.subscription).virtualMachineScaleSetVMs.list(
      set.group,
      set.set,
      listLimit(),
    )) {
      listed += 1;
      if (listed > MOST_LISTED)
        throw unavailable('the scale set has too many machines to look for one');
      const id = instance.id === undefined ? undefined : parseMachineId(instance.id);
      if (instance.vmId?.toLowerCase() !== vmId || !id) continue;
      return id.kind === 'instance' ? describeInstance(id, instance) : read(id);
    }
    return undefined;
  }

  async function read(id: MachineId): Promise<MachineDescription | undefined> {
    if (id.kind === 'vm') {
      return describeVm(
        id,
        await client(id.subscription).virtualMachines.get(id.group, id.vm, timeLimit()),
      );
    }
    if (id.kind === 'set') return undefined;
    const { subscription, group, set, instance } = id;
    const found = await client(subscription).virtualMachineScaleSetVMs.get(
      group,
      set,
      instance,
      timeLimit(),
    );
    return describeInstance(id, found);
  }

  return {
    read: (id) => orRefusal(read(id)),
    findInSet: (set, vmId) => orRefusal(findInSet(set, vmId)),
    findInSubscription: (subscription, vmId) => orRefusal(findVm(subscription, vmId)),
  };
}

const identityResource = z.object({
  properties: z.object({ principalId: z.string().check(z.minLength(1)) }),
});

const listLimit = () => ({ abortSignal: AbortSignal.timeout(LIST_TIMEOUT_MS) });

/** 404 is an answer; anything else that fails is no answer, and never an admission. */
async function orRefusal(
  answer: Promise<MachineDescription | undefined>,
): Promise<MachineDescription | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { statusCode } = error as { statusCode?: unknown };
    if (statusCode === 404) return undefined;
    throw asUnavailable(error, statusCode);
  }
}

function asUnavailable(error: unknown, status: unknown): Refusal {
  const what =
    status === 403
      ? "the broker's identity may not read this machine"
      : 'the management API can not be asked now';
  return unavailable(
    `${what}${typeof status === 'number' ? ` (status ${status})` : ''}`,
    status === 429 ? 30 : 5,
    error,
  );
}
