// An identity that a job of a GitHub repository can sign in as, with the token that GitHub gives it.
param name string
param location string
param issuer string
@description('Which jobs: a repository, and a trigger or an environment.')
param subject string
param audience string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location

  resource trust 'federatedIdentityCredentials' = {
    name: 'github'
    properties: { issuer: issuer, subject: subject, audiences: [audience] }
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
