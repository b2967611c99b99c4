// Asks what a deployment would change in a subscription, and reads what one puts there itself: roles. `what-if` with the
// validation level ProviderNoRbac needs no right to write anything. Whoever can push a branch has this right, unreviewed, also
// on the machines' subscriptions: no wildcard, since much can be read there with Reader that is somebody else's secret.
targetScope = 'subscription'

param name string
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, name, 'github-preview')
  properties: {
    roleName: 'Deployment preview of join broker ${name} in ${subscription().subscriptionId}'
    description: 'Says what a deployment would change, and changes nothing.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Authorization/roleAssignments/read'
          'Microsoft.Authorization/roleDefinitions/read'
          'Microsoft.Resources/deployments/operations/read'
          'Microsoft.Resources/deployments/operationstatuses/read'
          'Microsoft.Resources/deployments/read'
          'Microsoft.Resources/deployments/validate/action'
          'Microsoft.Resources/deployments/whatIf/action'
          'Microsoft.Resources/subscriptions/operationresults/read'
          'Microsoft.Resources/subscriptions/read'
          'Microsoft.Resources/subscriptions/resourceGroups/read'
        ]
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, role.id)
  properties: {
    roleDefinitionId: role.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
