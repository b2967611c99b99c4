/** A virtual machine: a machine with identities of its own, which can be deleted and made again under its name. */
import { createMachine } from './create-machine.ts';
import { createIdentityHolder, type UserAssignedIdentity } from './identities.ts';
import type { Machine, MachineScaleSet, MachineSubscription } from './machine.ts';
import { virtualMachineId } from './resource-ids.ts';
import type { World } from './world.ts';

export interface VirtualMachineOptions {
  readonly resourceGroup: string;
  readonly systemAssigned?: boolean;
  readonly identities?: readonly UserAssignedIdentity[];
  readonly vmId?: string;
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** The flexible scale set that it belongs to. */
  readonly scaleSet?: MachineScaleSet;
  /** The management API shows a null `principalId` for its user-assigned identities, as it may in a flexible set. */
  readonly nullPrincipalIds?: boolean;
  /** The management API writes its group's name in upper case; IMDS and tokens don't. */
  readonly upperCaseGroup?: boolean;
}

export interface VirtualMachine extends Machine {
  readonly nullPrincipalIds: boolean;
  readonly upperCaseGroup: boolean;
  assign(identity: UserAssignedIdentity): void;
  unassign(identity: UserAssignedIdentity): void;
  /** Deletes it and makes another under the same name: new `vmId`, new identity of its own. */
  recreate(): VirtualMachine;
}

/** The subscription of a virtual machine, where another can be made in its place. */
export interface VirtualMachineSubscription extends MachineSubscription {
  virtualMachine(name: string, options: VirtualMachineOptions): VirtualMachine;
}

export function createVirtualMachine(
  world: World,
  subscription: VirtualMachineSubscription,
  name: string,
  options: VirtualMachineOptions,
  onRemove: () => void,
): VirtualMachine {
  const { resourceGroup } = options;
  const identities = createIdentityHolder(
    options.systemAssigned ?? false,
    options.identities ?? [],
  );
  const resourceId = virtualMachineId({ subscriptionId: subscription.id, resourceGroup }, name);
  const machine = createMachine({
    world,
    name,
    vmId: options.vmId,
    resourceId,
    tokenResourceId: resourceId,
    resourceGroup,
    location: options.location ?? 'eastus',
    tags: options.tags ?? {},
    subscription,
    scaleSet: options.scaleSet,
    identities,
    onRemove,
  });
  return Object.assign(machine, {
    nullPrincipalIds: options.nullPrincipalIds ?? false,
    upperCaseGroup: options.upperCaseGroup ?? false,
    assign: identities.assign,
    unassign: identities.unassign,
    recreate() {
      machine.remove();
      const { vmId: _, ...same } = options;
      return subscription.virtualMachine(name, { ...same, identities: identities.userAssigned });
    },
  });
}
