// The three identities of .github/workflows/deploy.yml. Each one trusts one kind of job of one repository, by the token that
// GitHub gives to the job: there is no secret to keep or to rotate. None of them can do what another one is for.
//
//   az deployment sub create --location westeurope --template-file infra/github.bicep \
//     --parameters name=prod repository=octo-org-123456/octo-repo-456789
//
// Deployed after main.bicep. docs/deploy.md says how to find the repository's name with its numbers, and how preview and
// resources get their app roles at the broker.
targetScope = 'subscription'

@description('The name given to main.bicep.')
@minLength(2)
@maxLength(12)
param name string

@description('The repository as the subject of its tokens names it: owner-123/name-456, or owner/name for those made before June 2026.')
@minLength(3)
param repository string

@description('The subscriptions given to main.bicep: the preview asks what would become of the role in each of them.')
param machineSubscriptions string[] = [subscription().subscriptionId]

@description('Where the identities are.')
param location string = deployment().location

var issuer = 'https://token.actions.githubusercontent.com'
var audienceOf = {
  AzureCloud: 'api://AzureADTokenExchange'
  AzureUSGovernment: 'api://AzureADTokenExchangeUSGov'
  AzureChinaCloud: 'api://AzureADTokenExchangeChina'
}
var audience = audienceOf[environment().name]

// What each trusts: pull requests, which whoever can push to the repository can make say anything; and the two environments,
// whose protection rules say who has to agree.
var subjects = {
  preview: 'repo:${repository}:pull_request'
  deploy: 'repo:${repository}:environment:production'
  resources: 'repo:${repository}:environment:production-resources'
}

// Away from the broker's own resources: whoever may change those can't change whom an identity trusts.
resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'join-broker-${name}-github'
  location: location
}

resource brokerGroup 'Microsoft.Resources/resourceGroups@2024-03-01' existing = {
  name: 'join-broker-${name}'
}

module identities 'modules/github-identity.bicep' = [
  for job in items(subjects): {
    name: 'github-${job.key}'
    scope: group
    params: {
      name: 'join-broker-${name}-github-${job.key}'
      location: location
      issuer: issuer
      subject: job.value
      audience: audience
    }
  }
]

// items() sorts by key.
var deploy = 0
var preview = 1
var resources = 2

module codeRole 'modules/github-code-role.bicep' = {
  scope: brokerGroup
  params: { name: name, principalId: identities[deploy].outputs.principalId }
}

module previewRole 'modules/github-preview-role.bicep' = [
  for id in union(machineSubscriptions, [subscription().subscriptionId]): {
    name: 'github-preview-${name}'
    scope: subscription(id)
    params: { name: name, principalId: identities[preview].outputs.principalId }
  }
]

module previewReader 'modules/github-preview-reader.bicep' = {
  scope: brokerGroup
  params: { name: name, principalId: identities[preview].outputs.principalId }
}

@description('AZURE_PREVIEW_CLIENT_ID of the repository; it gets the app role JoinBroker.Reader.')
output previewClientId string = identities[preview].outputs.clientId
output previewPrincipalId string = identities[preview].outputs.principalId

@description('AZURE_DEPLOY_CLIENT_ID of the repository.')
output deployClientId string = identities[deploy].outputs.clientId

@description('AZURE_RESOURCES_CLIENT_ID of the repository; it gets the app role JoinBroker.Admin, and nothing else anywhere.')
output resourcesClientId string = identities[resources].outputs.clientId
output resourcesPrincipalId string = identities[resources].outputs.principalId
