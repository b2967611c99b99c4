// The broker itself on Flex Consumption: paid per use, scaled from zero, with a virtual network where one is wanted.
param name string
param location string
param tags object
param identityId string
param identityClientId string
param blobUrl string
param packageContainer string
param connectionString string
@description('The subnet for outgoing calls; empty for none.')
param appSubnetId string
param maximumInstanceCount int
param alwaysReadyInstances int
param instanceMemoryMB int
@description('The broker\'s own settings: docs/settings.md.')
param settings object

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // `azd deploy` finds the app by this tag: the service of azure.yaml.
  tags: union(tags, { 'azd-service-name': 'broker' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(appSubnetId) ? null : appSubnetId
    siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2' }
    functionAppConfig: {
      runtime: { name: 'node', version: '24' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobUrl}/${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        // All HTTP functions share instances; timers may wait.
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
      }
    }
  }

  // Deployments come with a token of the directory, never with a password.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(settings, {
      // The broker's own calls: storage, vault, management API.
      AZURE_CLIENT_ID: identityClientId
      // The host's storage. By its address: the form with the account's name knows the public cloud only.
      AzureWebJobsStorage__blobServiceUri: blobUrl
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      AzureWebJobsDisableHomepage: 'true'
      // The broker takes 64 KiB at most; the host would read 100 MB before it is asked.
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '131072'
    })
  }
}

output url string = 'https://${app.properties.defaultHostName}'
