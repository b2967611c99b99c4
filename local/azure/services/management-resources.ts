/** Resources as the management API writes them. */
import type { TokenIssuer } from '../evidence/access-token.ts';
import type { IdentityHolder, UserAssignedIdentity } from '../identities.ts';
import type { Machine } from '../machine.ts';
import { withUpperCaseGroup } from '../resource-ids.ts';
import type { ScaleSet } from '../scale-set.ts';
import type { VirtualMachine } from '../virtual-machine.ts';

export function virtualMachineResource(machine: VirtualMachine): unknown {
  const { upperCaseGroup, scaleSet } = machine;
  const principalIds = machine.nullPrincipalIds ? 'null' : 'shown';
  return {
    name: machine.name,
    id: spelled(machine.resourceId, upperCaseGroup),
    type: 'Microsoft.Compute/virtualMachines',
    location: machine.location,
    tags: machine.tags,
    ...identityBlock(machine.identities, machine.tenant, principalIds),
    properties: {
      ...(scaleSet && {
        virtualMachineScaleSet: { id: spelled(scaleSet.resourceId, upperCaseGroup) },
      }),
      hardwareProfile: { vmSize: 'Standard_B2s' },
      provisioningState: 'Succeeded',
      vmId: machine.vmId,
      storageProfile: { dataDisks: [] },
      osProfile: { computerName: machine.name, adminUsername: 'azureuser', secrets: [] },
      networkProfile: { networkInterfaces: [] },
    },
  };
}

export const scaleSetResource = (set: ScaleSet): unknown => ({
  name: set.name,
  id: spelled(set.resourceId, set.upperCaseGroup),
  type: 'Microsoft.Compute/virtualMachineScaleSets',
  location: set.location,
  tags: set.tags,
  sku: { name: 'Standard_B2s', tier: 'Standard', capacity: set.instances.size },
  ...identityBlock(set.identities, set.subscription.tenant, 'shown'),
  properties: {
    orchestrationMode: set.mode,
    provisioningState: 'Succeeded',
    singlePlacementGroup: false,
    platformFaultDomainCount: 1,
  },
});

/** An instance of a set. It shows no identities: a uniform set's instances carry those of the set. */
export const scaleSetInstanceResource = (
  set: ScaleSet,
  instanceId: string,
  machine: Machine,
): unknown => ({
  name: machine.name,
  id: spelled(`${set.resourceId}/virtualMachines/${instanceId}`, set.upperCaseGroup),
  type: 'Microsoft.Compute/virtualMachineScaleSets/virtualMachines',
  location: machine.location,
  tags: machine.tags,
  instanceId,
  sku: { name: 'Standard_B2s', tier: 'Standard' },
  properties: {
    latestModelApplied: true,
    modelDefinitionApplied: 'VirtualMachineScaleSet',
    provisioningState: 'Succeeded',
    vmId: machine.vmId,
    hardwareProfile: {},
    storageProfile: { dataDisks: [] },
    osProfile: { computerName: machine.name, adminUsername: 'azureuser', secrets: [] },
  },
});

export const userAssignedIdentityResource = (
  identity: UserAssignedIdentity,
  tenant: TokenIssuer,
): unknown => ({
  id: identity.resourceId,
  name: identity.name,
  type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
  location: identity.location,
  tags: {},
  properties: {
    tenantId: tenant.id,
    principalId: identity.principalId,
    clientId: identity.clientId,
  },
});

const spelled = (id: string, upperCaseGroup: boolean): string =>
  upperCaseGroup ? withUpperCaseGroup(id) : id;

function identityBlock(
  { systemAssigned, userAssigned }: IdentityHolder,
  tenant: TokenIssuer,
  principalIds: 'shown' | 'null',
): { identity?: unknown } {
  const types = [
    ...(systemAssigned ? ['SystemAssigned'] : []),
    ...(userAssigned.length > 0 ? ['UserAssigned'] : []),
  ];
  if (types.length === 0) return {};
  const entries = userAssigned.map(({ resourceId, clientId, principalId }) => [
    resourceId,
    principalIds === 'null' ? { principalId: null, clientId: null } : { principalId, clientId },
  ]);
  return {
    identity: {
      type: types.join(', '),
      ...(systemAssigned && { principalId: systemAssigned.principalId, tenantId: tenant.id }),
      ...(userAssigned.length > 0 && { userAssignedIdentities: Object.fromEntries(entries) }),
    },
  };
}
