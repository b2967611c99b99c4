// Deploys code to the function app, and no more: no storage, vault, logs, identities or roles. (Code runs with the broker's
// own identity: who may deploy it is trusted like the broker itself, hence the protected environment.)
param name string
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'github-code')
  properties: {
    roleName: 'Code deployment of join broker ${name} in ${subscription().subscriptionId}'
    description: 'Deploys code to the function app of a join broker.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Resources/subscriptions/resourceGroups/read'
          'Microsoft.Web/serverfarms/read'
          'Microsoft.Web/sites/*'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, role.id)
  properties: {
    roleDefinitionId: role.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
