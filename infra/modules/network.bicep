// The virtual network through which the broker reaches storage and vault when these have no public addresses. Calls to the
// directory, the management API and Application Insights leave it through Azure's own outbound addresses: attach a NAT
// gateway to the `app` subnet where they must come from a fixed one.
param name string
param location string
param tags object
param addressSpace string

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressSpace] }
    subnets: [
      {
        name: 'app'
        properties: {
          // Flex Consumption puts up to 40 instances on an address of its own each; /26 leaves room for more.
          addressPrefix: cidrSubnet(addressSpace, 26, 0)
          // Needs the resource provider Microsoft.App registered on the subscription.
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressSpace, 26, 1)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

output networkId string = network.id
output appSubnetId string = network.properties.subnets[0].id
output endpointsSubnetId string = network.properties.subnets[1].id
