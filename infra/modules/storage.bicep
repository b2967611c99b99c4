// Three storage accounts without keys: one for the Functions host (leases, its own keys, the deploy package), one for the
// broker's tables, one for their daily backups. Whoever can write the host's account can run code as the broker; nobody needs
// both. Backups lie in another account, since an account that is deleted takes all with it, and in another region, too.
param name string
param location string
param tags object
param principalId string
param workspaceId string
param tablesRedundancy string
param privateNetwork bool
param networkId string
param endpointsSubnetId string

var packageContainerName = 'packages'
var backupContainerName = 'authorities'
var access = privateNetwork ? 'Disabled' : 'Enabled'

resource host 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${name}host'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: access
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource packages 'containers' = {
      name: packageContainerName
      properties: { publicAccess: 'None' }
    }
  }
}

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

var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // Storage Blob Data Owner: the host's leases and keys, and the package
var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor: deletes no version
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3' // Storage Table Data Contributor

resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, principalId, blobDataOwner)
  scope: host
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource brokerTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(tables.id, principalId, tableDataContributor)
  scope: tables
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource brokerBackups 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(backup.id, principalId, blobDataContributor)
  scope: backup
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    principalId: principalId
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

module blobEndpoint 'private-endpoint.bicep' = if (privateNetwork) {
  params: {
    name: host.name
    location: location
    tags: tags
    networkId: networkId
    subnetId: endpointsSubnetId
    serviceId: host.id
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
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
  // The zone is the same one: it is made once.
  dependsOn: [blobEndpoint]
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

output blobUrl string = 'https://${host.name}.blob.${environment().suffixes.storage}'
output packageContainer string = packageContainerName
output backupUrl string = 'https://${backup.name}.blob.${environment().suffixes.storage}/${backupContainerName}'
output tablesUrl string = 'https://${tables.name}.table.${environment().suffixes.storage}'
