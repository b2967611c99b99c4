// Logs, metrics and audit events: Application Insights on a workspace of its own, so that alerts and the workbook ask one place.
param name string
param location string
param tags object
@description('Who sends telemetry.')
param principalIds string[]
param retentionDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
    // No daily cap: an attacker could use it up, and audit events and alerts would stop with it.
    workspaceCapping: { dailyQuotaGb: -1 }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    // The connection string alone sends nothing: only the broker's identities can.
    DisableLocalAuth: true
  }
}

var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb' // Monitoring Metrics Publisher: all telemetry, despite its name

resource publishing 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in principalIds: {
    name: guid(component.id, principalId, metricsPublisher)
    scope: component
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', metricsPublisher)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

output workspaceId string = workspace.id
output componentId string = component.id
output connectionString string = component.properties.ConnectionString
