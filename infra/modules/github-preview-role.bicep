// Reads what is deployed, and asks what a deployment would change. `what-if` with the validation level ProviderNoRbac needs
// no right to write anything. Reader could ask the logs too, where machines are named: this role can't.
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
          '*/read'
          'Microsoft.Resources/deployments/validate/action'
          'Microsoft.Resources/deployments/whatIf/action'
        ]
        notActions: [
          'Microsoft.Insights/components/query/read'
          'Microsoft.Insights/logs/*/read'
          'Microsoft.OperationalInsights/workspaces/query/read'
          'Microsoft.OperationalInsights/workspaces/query/*/read'
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
