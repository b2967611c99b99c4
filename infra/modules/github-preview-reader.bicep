// Reads the broker's own resources, so that a preview can say what would change of them: each type that main.bicep makes, and
// nothing below them. Reader could ask the logs too, where machines are named, watch them live, and read keys of the functions.
param name string
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'github-preview')
  properties: {
    roleName: 'Preview reader of join broker ${name} in ${subscription().subscriptionId}'
    description: 'Reads how the resources of a join broker are set up, and none of their data.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Authorization/locks/read'
          'Microsoft.Authorization/roleAssignments/read'
          'Microsoft.Authorization/roleDefinitions/read'
          'Microsoft.Insights/actionGroups/read'
          'Microsoft.Insights/components/read'
          'Microsoft.Insights/diagnosticSettings/read'
          'Microsoft.Insights/scheduledQueryRules/read'
          'Microsoft.Insights/webtests/read'
          'Microsoft.Insights/workbooks/read'
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/read'
          'Microsoft.ManagedIdentity/userAssignedIdentities/read'
          'Microsoft.Network/privateDnsZones/read'
          'Microsoft.Network/privateDnsZones/virtualNetworkLinks/read'
          'Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read'
          'Microsoft.Network/privateEndpoints/read'
          'Microsoft.Network/virtualNetworks/read'
          'Microsoft.OperationalInsights/workspaces/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/read'
          'Microsoft.Storage/storageAccounts/blobServices/read'
          'Microsoft.Storage/storageAccounts/read'
          'Microsoft.Storage/storageAccounts/tableServices/read'
          'Microsoft.Web/serverfarms/read'
          'Microsoft.Web/sites/basicPublishingCredentialsPolicies/read'
          'Microsoft.Web/sites/config/read'
          'Microsoft.Web/sites/read'
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
