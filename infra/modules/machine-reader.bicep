// Lets the broker read the machines of one subscription: what is needed to find a machine, its vmId and its identities.
// The built-in Reader would show it everything else, too. One role per subscription, so that taking one away
// touches no other; a role's display name must be unique in the tenant, hence the ids in it.
targetScope = 'subscription'

param name string
param principalIds string[]

resource machineReader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, name, 'machine-reader')
  properties: {
    roleName: 'Machine reader of ${name} in ${subscription().subscriptionId}'
    description: 'Reads virtual machines, scale sets and their instances, and the identities that they carry.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Compute/virtualMachines/read'
          'Microsoft.Compute/virtualMachineScaleSets/read'
          'Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read'
          'Microsoft.ManagedIdentity/userAssignedIdentities/read'
        ]
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in principalIds: {
    name: guid(subscription().id, principalId, machineReader.id)
    properties: {
      roleDefinitionId: machineReader.id
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]
