// The storage account of one Functions host, without keys: leases, the host's own keys, the deploy package. Whoever can write
// here can run code as the app, so each app has one of its own.
param name string
param location string
param tags object
param principalId string
param privateNetwork bool
param networkId string
param endpointsSubnetId string

var containerName = 'packages'

resource host 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
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
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource packages 'containers' = {
      name: containerName
      properties: { publicAccess: 'None' }
    }
  }
}

var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // Storage Blob Data Owner: the host's leases and keys, and the package

resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, principalId, blobDataOwner)
  scope: host
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
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

output blobUrl string = 'https://${host.name}.blob.${environment().suffixes.storage}'
output packageContainer string = containerName
