// Settings of an app that is there. Apart from it, since two apps name each other.
param appName string
param identityClientId string
param blobUrl string
param connectionString string
@description('The broker\'s own settings: docs/settings.md.')
param settings object

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
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
