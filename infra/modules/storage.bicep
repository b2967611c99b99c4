// Two storage accounts without keys: one for the broker's tables, one for their daily backups. Backups lie in another account,
// since an account that is deleted takes all with it, and in another region, too.
param name string
param location string
param tags object
@description('Who reads and writes the tables.')
param tablePrincipalIds string[]
@description('Who writes backups.')
param backupPrincipalId string
param workspaceId string
param tablesRedundancy string
param privateNetwork bool
param networkId string
param endpointsSubnetId string

var backupContainerName = 'authorities'
var access = privateNetwork ? 'Disabled' : 'Enabled'

resource tables 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${name}tables'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: tablesRedundancy }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: access
  }

  // The broker makes its tables itself.
  resource service 'tableServices' = {
    name: 'default'
  }
}

resource backup 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${name}backup'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_RAGRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: access
  }

  // What the broker's identity overwrites or deletes is still there for a month.
  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      isVersioningEnabled: true
      deleteRetentionPolicy: { enabled: true, days: 30 }
      containerDeleteRetentionPolicy: { enabled: true, days: 30 }
    }

    resource authorities 'containers' = {
      name: backupContainerName
      properties: { publicAccess: 'None' }
    }
  }
}

resource keepBackups 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'backups'
  scope: backup
  properties: { level: 'CanNotDelete', notes: 'Holds the backups of a join broker.' }
}

// Tables have no soft delete, and with the account go the signing keys. Take the lock away before you remove a broker.
resource keep 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'signing-keys'
  scope: tables
  properties: { level: 'CanNotDelete', notes: 'Holds the encrypted signing keys of a join broker.' }
}

var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor: deletes no version
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3' // Storage Table Data Contributor

resource brokerTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in tablePrincipalIds: {
    name: guid(tables.id, principalId, tableDataContributor)
    scope: tables
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource brokerBackups 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(backup.id, backupPrincipalId, blobDataContributor)
  scope: backup
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    principalId: backupPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who changed or removed a row, and from where. Reads would be most of the bill and say little.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: tables::service
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

module backupEndpoint 'private-endpoint.bicep' = if (privateNetwork) {
  params: {
    name: backup.name
    location: location
    tags: tags
    networkId: networkId
    subnetId: endpointsSubnetId
    serviceId: backup.id
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
  }
}

module tableEndpoint 'private-endpoint.bicep' = if (privateNetwork) {
  params: {
    name: tables.name
    location: location
    tags: tags
    networkId: networkId
    subnetId: endpointsSubnetId
    serviceId: tables.id
    groupId: 'table'
    zoneName: 'privatelink.table.${environment().suffixes.storage}'
  }
}

output backupUrl string = 'https://${backup.name}.blob.${environment().suffixes.storage}/${backupContainerName}'
output tablesUrl string = 'https://${tables.name}.table.${environment().suffixes.storage}'
