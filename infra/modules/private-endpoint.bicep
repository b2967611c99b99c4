// One service reached from inside the virtual network: its endpoint, and the DNS zone that makes its public name lead there.
param name string
param location string
param tags object
param networkId string
param subnetId string
@description('The resource that is reached.')
param serviceId string
@description('Which of its services: blob, table or vault.')
param groupId string
@description('The zone for its names: privatelink.blob.core.windows.net, for example.')
param zoneName string

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: zoneName
  location: 'global'
  tags: tags

  // Two endpoints may have one zone; a network is linked to it once.
  resource link 'virtualNetworkLinks' = {
    name: last(split(networkId, '/'))
    location: 'global'
    tags: tags
    properties: { virtualNetwork: { id: networkId }, registrationEnabled: false }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: '${name}-${groupId}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      { name: groupId, properties: { privateLinkServiceId: serviceId, groupIds: [groupId] } }
    ]
  }

  resource zones 'privateDnsZoneGroups' = {
    name: 'default'
    properties: { privateDnsZoneConfigs: [{ name: groupId, properties: { privateDnsZoneId: zone.id } }] }
  }
}
