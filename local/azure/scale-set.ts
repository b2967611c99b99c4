/** Virtual machine scale sets. A flexible set's instances are virtual machines; a uniform set's are its own. */
import { createMachine } from './create-machine.ts';
import {
  createIdentityHolder,
  type IdentityHolder,
  type UserAssignedIdentity,
} from './identities.ts';
import type { Machine, MachineSubscription } from './machine.ts';
import { scaleSetId } from './resource-ids.ts';
import type { VirtualMachine, VirtualMachineSubscription } from './virtual-machine.ts';
import type { World } from './world.ts';

export interface ScaleSetOptions {
  readonly resourceGroup: string;
  readonly mode: 'Uniform' | 'Flexible';
  /** The identity of the set itself (uniform), or one for each of its machines (flexible). */
  readonly systemAssigned?: boolean;
  readonly identities?: readonly UserAssignedIdentity[];
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** The management API shows a null `principalId` for user-assigned identities of a flexible set's machines. */
  readonly nullPrincipalIds?: boolean;
  readonly upperCaseGroup?: boolean;
}

interface InstanceOptions {
  readonly vmId?: string;
}

export interface ScaleSet {
  readonly name: string;
  readonly mode: 'Uniform' | 'Flexible';
  readonly resourceId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly subscription: MachineSubscription;
  readonly identities: IdentityHolder;
  readonly upperCaseGroup: boolean;
  /** The set's machines by instance id: a number, or a flexible machine's name. */
  readonly instances: ReadonlyMap<string, Machine>;
  /** Adds a machine to the set. */
  instance(options?: InstanceOptions): Machine;
  assign(identity: UserAssignedIdentity): void;
  unassign(identity: UserAssignedIdentity): void;
}

/** The subscription of a scale set, which holds the virtual machines of a flexible one. */
export interface ScaleSetSubscription extends VirtualMachineSubscription {
  readonly virtualMachines: readonly VirtualMachine[];
}

export function createScaleSet(
  world: World,
  subscription: ScaleSetSubscription,
  name: string,
  options: ScaleSetOptions,
): ScaleSet {
  const { resourceGroup, mode, location = 'eastus', tags = {} } = options;
  const uniform = mode === 'Uniform';
  const place = { subscriptionId: subscription.id, resourceGroup };
  const identities = createIdentityHolder(
    uniform && (options.systemAssigned ?? false),
    options.identities ?? [],
  );
  const uniformInstances = new Map<string, Machine>();
  let added = 0;

  function addUniform({ vmId }: InstanceOptions): Machine {
    const id = `${added++}`;
    const machine = createMachine({
      world,
      name: `${name}_${id}`,
      vmId,
      resourceId: `${set.resourceId}/virtualMachines/${id}`,
      tokenResourceId: set.resourceId,
      resourceGroup,
      location,
      tags,
      subscription,
      scaleSet: set,
      identities,
      onRemove: () => uniformInstances.delete(id),
    });
    uniformInstances.set(id, machine);
    return machine;
  }

  const addFlexible = ({ vmId }: InstanceOptions): Machine =>
    subscription.virtualMachine(`${name}_${(added++).toString(16).padStart(8, '0')}`, {
      resourceGroup,
      location,
      tags,
      systemAssigned: options.systemAssigned ?? false,
      identities: identities.userAssigned,
      scaleSet: set,
      ...(vmId !== undefined && { vmId }),
      nullPrincipalIds: options.nullPrincipalIds ?? false,
      upperCaseGroup: options.upperCaseGroup ?? false,
    });

  const flexibleInstances = (): ReadonlyMap<string, Machine> =>
    new Map(
      subscription.virtualMachines
        .filter(({ scaleSet }) => scaleSet === set)
        .map((machine) => [machine.name, machine]),
    );

  const set: ScaleSet = {
    name,
    mode,
    resourceId: scaleSetId(place, name),
    resourceGroup,
    location,
    tags,
    subscription,
    identities,
    upperCaseGroup: options.upperCaseGroup ?? false,
    get instances() {
      return uniform ? uniformInstances : flexibleInstances();
    },
    instance: (instanceOptions = {}) =>
      uniform ? addUniform(instanceOptions) : addFlexible(instanceOptions),
    assign: identities.assign,
    unassign: identities.unassign,
  };
  return set;
}
