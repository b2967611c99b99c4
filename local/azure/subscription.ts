/** A subscription and what lies in it. */
import { randomUUID } from 'node:crypto';
import type { TokenIssuer } from './evidence/access-token.ts';
import type { UserAssignedIdentity, UserAssignedIdentityOptions } from './identities.ts';
import { sameId, userAssignedIdentityId } from './resource-ids.ts';
import { createScaleSet, type ScaleSet, type ScaleSetOptions } from './scale-set.ts';
import {
  createVirtualMachine,
  type VirtualMachine,
  type VirtualMachineOptions,
} from './virtual-machine.ts';
import type { World } from './world.ts';

export interface Subscription {
  readonly id: string;
  readonly tenant: TokenIssuer;
  readonly virtualMachines: readonly VirtualMachine[];
  readonly scaleSets: readonly ScaleSet[];
  readonly identities: readonly UserAssignedIdentity[];
  userAssignedIdentity(name: string, options: UserAssignedIdentityOptions): UserAssignedIdentity;
  virtualMachine(name: string, options: VirtualMachineOptions): VirtualMachine;
  scaleSet(name: string, options: ScaleSetOptions): ScaleSet;
}

export function createSubscription(world: World, tenant: TokenIssuer, id?: string): Subscription {
  const virtualMachines = new Set<VirtualMachine>();
  const scaleSets: ScaleSet[] = [];
  const identities: UserAssignedIdentity[] = [];

  const subscription: Subscription = {
    id: id?.toLowerCase() ?? randomUUID(),
    tenant,
    get virtualMachines() {
      return [...virtualMachines];
    },
    scaleSets,
    identities,
    userAssignedIdentity(name, options) {
      refuseTaken(identities, name, options.resourceGroup);
      const { resourceGroup, location = 'eastus' } = options;
      const subscriptionId = subscription.id;
      const identity: UserAssignedIdentity = {
        kind: 'user',
        name,
        subscriptionId,
        resourceGroup,
        location,
        resourceId: userAssignedIdentityId({ subscriptionId, resourceGroup }, name),
        clientId: options.clientId?.toLowerCase() ?? randomUUID(),
        principalId: options.principalId?.toLowerCase() ?? randomUUID(),
      };
      identities.push(identity);
      return identity;
    },
    virtualMachine(name, options) {
      refuseTaken([...virtualMachines], name, options.resourceGroup);
      const machine = createVirtualMachine(world, subscription, name, options, () =>
        virtualMachines.delete(machine),
      );
      virtualMachines.add(machine);
      return machine;
    },
    scaleSet(name, options) {
      refuseTaken(scaleSets, name, options.resourceGroup);
      const set = createScaleSet(world, subscription, name, options);
      scaleSets.push(set);
      return set;
    },
  };
  return subscription;
}

function refuseTaken(
  existing: readonly { readonly name: string; readonly resourceGroup: string }[],
  name: string,
  resourceGroup: string,
): void {
  const taken = existing.some(
    (resource) => sameId(resource.name, name) && sameId(resource.resourceGroup, resourceGroup),
  );
  if (taken) {
    throw new Error(
      `The resource group ${resourceGroup} has a ${name} already: choose another name.`,
    );
  }
}
