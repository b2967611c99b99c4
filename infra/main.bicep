// Everything that a broker needs on Azure, in a resource group of its own; `name` and nothing else tells brokers apart.
// Before it comes entra.bicep (or entra.sh), which makes the applications; after it, the code is deployed.
//
//   az deployment sub create --location westeurope --template-file infra/main.bicep \
//     --parameters name=prod operatorsClientId=<printed by entra> machineSubscriptions='["<subscription id>"]'
//
// Deployed once more it changes nothing. Whoever deploys it needs the right to assign roles (Owner, or Contributor with
// User Access Administrator) here and on every subscription of `machineSubscriptions`.
targetScope = 'subscription'

@description('Names this broker: part of the name of every resource. Lower-case letters, digits and dashes. Never change it.')
@minLength(2)
@maxLength(12)
param name string

@description('Client id of the application in which operators sign in, as infra/entra.sh prints it. They sign in in the tenant of this deployment.')
@minLength(36)
@maxLength(36)
param operatorsClientId string

@description('Ids of the subscriptions whose machines may join. The broker gets the right to read their machines, and no other.')
param machineSubscriptions string[] = [subscription().subscriptionId]

// From here on, nothing has to be given.

@description('Where everything is.')
param location string = deployment().location

@description('Tenants whose machines may join. Run infra/entra.sh in each: a machine asks its own tenant for its token.')
param machineTenants string[] = [tenant().tenantId]

@description('Trust domain and name of the authorities. It is in every certificate: never change it.')
param clusterName string = ''

@description('Most instances that Azure may start: caps what a flood of requests can cost.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that are kept warm for HTTP. One spares the first machine of a quiet hour the cold start, and is paid for all month.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('Memory of an instance. CPU comes in proportion to it, and a cold start is CPU.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Address at which machines reach the broker, if it has a domain of its own: https://join.example.org. The prober asks there.')
param publicUrl string = ''

@description('Address below which relying parties find revocation lists, for certificates to say: https://join.example.org/v1/trust, or a copy under plain http. None: they say nothing.')
param crlAddress string = ''

@description('Storage and vault without public addresses, reached through a virtual network. The broker itself stays public: machines join from anywhere.')
param privateNetwork bool = false

@description('Keys in the hardware security modules of a Premium vault. Keys that are there stay what they are: docs/deploy.md, Keys in hardware.')
param hsm bool = false

@description('Two apps instead of one: what machines reach runs with an identity that can not sign with the root or make a key; operators and the timers have an app of their own.')
param twoApps bool = false

@description('With two apps: the networks from which operators may reach theirs, such as 203.0.113.0/24; none means all. Jobs of GitHub Actions come from anywhere.')
param operatorsNetworks string[] = []

@description('Addresses of that virtual network: a /24 or larger.')
param addressSpace string = '10.90.0.0/24'

@description('Redundancy of the tables. They hold the encrypted signing keys: without them, every relying party needs a new root.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param tablesRedundancy string = 'Standard_ZRS'

@description('Who is told of alerts. Empty: alerts show in the portal only.')
param alertEmail string = ''

@description('Address of docs/runbook.md where you read it. Alerts link to its sections.')
param runbook string = 'docs/runbook.md'

@description('Asks /readyz every 15 minutes from several places outside.')
param availabilityTest bool = true

@description('How long logs and audit events are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Lifetime of certificates that ask for none.')
param defaultTtl string = '1h'

@description('Longest lifetime of any certificate; at most 24h.')
param maxTtl string = '24h'

@description('Roots, in PEM, that may sign attested documents beside those that come with the broker.')
param trustAnchors string = ''

// Names that must be unique in the world get this suffix; it is the same at every deployment.
var suffix = take(uniqueString(subscription().subscriptionId, name), 6)
var appName = 'join-broker-${name}-${suffix}'
var tags = { 'azd-env-name': name, application: 'join-broker' }

var cloudOf = {
  AzureCloud: 'AzurePublic'
  AzureUSGovernment: 'AzureUSGovernment'
  AzureChinaCloud: 'AzureChina'
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'join-broker-${name}'
  location: location
  tags: tags
}

// The identity that makes keys and signs with the root. The broker's own where it is one app.
module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: appName, location: location, tags: tags }
}

// Where the broker is two apps: the identity of the one that machines reach. It is the new one of the two, so that a broker
// that becomes two apps leaves no right behind with it.
module joinersIdentity 'modules/identity.bicep' = if (twoApps) {
  scope: group
  params: { name: '${appName}-joiners', location: location, tags: tags }
}

var joinersPrincipalId = twoApps ? joinersIdentity!.outputs.principalId : identity.outputs.principalId
var principalIds = twoApps ? [identity.outputs.principalId, joinersPrincipalId] : [identity.outputs.principalId]

// The only right on the machines' subscriptions. It can't be given in another tenant: delegate Reader there with Azure
// Lighthouse, or let its join tokens say `vm_binding: claims`.
module machineReader 'modules/machine-reader.bicep' = [
  for id in machineSubscriptions: {
    name: 'machine-reader-${name}'
    scope: subscription(id)
    params: { name: appName, principalIds: principalIds }
  }
]

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    name: appName
    location: location
    tags: tags
    principalIds: principalIds
    retentionDays: logRetentionDays
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: { name: appName, location: location, tags: tags, addressSpace: addressSpace }
}

var networkId = privateNetwork ? network!.outputs.networkId : ''
var endpointsSubnetId = privateNetwork ? network!.outputs.endpointsSubnetId : ''
var appSubnetId = privateNetwork ? network!.outputs.appSubnetId : ''
var accountName = '${replace(name, '-', '')}${suffix}'

module hostStorage 'modules/host-storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: '${accountName}host'
    location: location
    tags: tags
    principalId: joinersPrincipalId
    privateNetwork: privateNetwork
    networkId: networkId
    endpointsSubnetId: endpointsSubnetId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: accountName
    location: location
    tags: tags
    tablePrincipalIds: principalIds
    backupPrincipalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    tablesRedundancy: tablesRedundancy
    privateNetwork: privateNetwork
    networkId: networkId
    endpointsSubnetId: endpointsSubnetId
  }
  // Their endpoints have one DNS zone, which is made once.
  dependsOn: [hostStorage]
}

module operatorsHostStorage 'modules/host-storage.bicep' = if (twoApps) {
  name: 'operators-host-storage'
  scope: group
  params: {
    name: '${accountName}ops'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    privateNetwork: privateNetwork
    networkId: networkId
    endpointsSubnetId: endpointsSubnetId
  }
  dependsOn: [storage]
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: '${name}-${suffix}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    readerPrincipalId: twoApps ? joinersPrincipalId : ''
    workspaceId: monitoring.outputs.workspaceId
    hsm: hsm
    privateNetwork: privateNetwork
    networkId: networkId
    endpointsSubnetId: endpointsSubnetId
  }
}

module app 'modules/function-app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: appName
    location: location
    tags: tags
    // `azd deploy` finds the app by this tag: the service of azure.yaml.
    appTags: { 'azd-service-name': 'broker' }
    networks: []
    identityId: twoApps ? joinersIdentity!.outputs.id : identity.outputs.id
    blobUrl: hostStorage.outputs.blobUrl
    packageContainer: hostStorage.outputs.packageContainer
    appSubnetId: appSubnetId
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    instanceMemoryMB: instanceMemoryMB
  }
}

module operatorsApp 'modules/function-app.bicep' = if (twoApps) {
  name: 'operators-app'
  scope: group
  params: {
    name: '${appName}-operators'
    location: location
    tags: tags
    appTags: {}
    networks: operatorsNetworks
    identityId: identity.outputs.id
    blobUrl: operatorsHostStorage!.outputs.blobUrl
    packageContainer: operatorsHostStorage!.outputs.packageContainer
    appSubnetId: appSubnetId
    // Timers and a few operators: it is there when the other app is flooded, and is no second one to flood.
    maximumInstanceCount: min(maximumInstanceCount, 10)
    alwaysReadyInstances: 0
    instanceMemoryMB: instanceMemoryMB
  }
}

var settingsOfBoth = {
  JOIN_BROKER_CLUSTER_NAME: empty(clusterName) ? appName : clusterName
  JOIN_BROKER_CLOUD: cloudOf[environment().name]
  JOIN_BROKER_TENANTS: join(machineTenants, ',')
  // The join application's identifier, one per tenant: see entra.bicep.
  JOIN_BROKER_AUDIENCES: join(map(machineTenants, id => 'api://${id}/join-broker-${name}'), ',')
  JOIN_BROKER_OPERATORS_TENANT: tenant().tenantId
  JOIN_BROKER_OPERATORS_CLIENT_ID: operatorsClientId
  JOIN_BROKER_TABLES_URL: storage.outputs.tablesUrl
  JOIN_BROKER_KEY_VAULT_URL: vault.outputs.url
  JOIN_BROKER_KEY_VAULT_PROTECTION: hsm ? 'hsm' : 'software'
  JOIN_BROKER_DEFAULT_TTL: defaultTtl
  JOIN_BROKER_MAX_TTL: maxTtl
  JOIN_BROKER_TRUST_ANCHORS: trustAnchors
  JOIN_BROKER_CRL_ADDRESS: crlAddress
}

module settings 'modules/app-settings.bicep' = {
  name: 'app-settings'
  scope: group
  params: {
    appName: app.outputs.name
    identityClientId: twoApps ? joinersIdentity!.outputs.clientId : identity.outputs.clientId
    blobUrl: hostStorage.outputs.blobUrl
    connectionString: monitoring.outputs.connectionString
    settings: union(settingsOfBoth, {
      JOIN_BROKER_PART: twoApps ? 'joiners' : 'whole'
      JOIN_BROKER_BACKUP_URL: twoApps ? '' : storage.outputs.backupUrl
      JOIN_BROKER_PUBLIC_URL: publicUrl
    })
  }
}

module operatorsSettings 'modules/app-settings.bicep' = if (twoApps) {
  name: 'operators-app-settings'
  scope: group
  params: {
    appName: operatorsApp!.outputs.name
    identityClientId: identity.outputs.clientId
    blobUrl: operatorsHostStorage!.outputs.blobUrl
    connectionString: monitoring.outputs.connectionString
    settings: union(settingsOfBoth, {
      JOIN_BROKER_PART: 'operators'
      JOIN_BROKER_BACKUP_URL: storage.outputs.backupUrl
      JOIN_BROKER_PUBLIC_URL: empty(publicUrl) ? app.outputs.url : publicUrl
    })
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    name: appName
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    instanceMemoryMB: instanceMemoryMB
  }
}

module alerts 'alerts.bicep' = {
  scope: group
  params: {
    name: appName
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    componentId: monitoring.outputs.componentId
    readyUrl: '${app.outputs.url}/readyz'
    availabilityTest: availabilityTest
    email: alertEmail
    runbook: runbook
  }
}

@description('Address of the broker: what agents are given.')
output BROKER_URL string = app.outputs.url

@description('The function app, to which the code is deployed.')
output FUNCTION_APP string = appName

@description('The app for operators, to which the same code is deployed; empty where the broker is one app.')
output OPERATORS_APP string = twoApps ? operatorsApp!.outputs.name : ''

@description('Address of the broker for joinctl.')
output OPERATORS_URL string = twoApps ? operatorsApp!.outputs.url : app.outputs.url

output RESOURCE_GROUP string = group.name

@description('What machines of each tenant ask for: onboarding.azure.audience of their config.')
output AUDIENCES string[] = map(machineTenants, id => 'api://${id}/join-broker-${name}')
