// The two applications of a broker in the directory. Needs the right to make applications (Application Developer) and, for the
// first administrator, to assign an application's roles (Cloud Application Administrator). entra.sh does the same with `az`.
//
//   az deployment sub create --location westeurope --template-file infra/entra.bicep --parameters name=prod
//
// In a further tenant whose machines join, only the join application is needed: --parameters operators=false
extension microsoftGraphV1

targetScope = 'subscription'

@description('The name given to main.bicep.')
@minLength(2)
@maxLength(12)
param name string

@description('Whether to make the application in which operators sign in.')
param operators bool = true

@description('Object id of the user or service principal who gets JoinBroker.Admin and JoinBroker.AuthorityAdmin. More get theirs under Enterprise applications.')
param firstAdministrator string = deployer().objectId

// An identifier has to name the tenant, or tenants with today's default policy refuse it.
var identifierBase = 'api://${tenant().tenantId}/join-broker-${name}'

// Fixed, and the same in entra.sh: what one of them made, the other one finds.
var administratorRole = '5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a01'
var readerRole = '5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a02'
var authorityRole = '5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a04'
var signInScope = '5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a03'
var azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'

resource operatorsApplication 'Microsoft.Graph/applications@v1.0' = if (operators) {
  uniqueName: 'join-broker-${name}-operators'
  displayName: 'Join Broker ${name}: operators'
  signInAudience: 'AzureADMyOrg'
  identifierUris: ['${identifierBase}-operators']
  appRoles: [
    {
      id: administratorRole
      value: 'JoinBroker.Admin'
      displayName: 'Join Broker administrator'
      description: 'Reads and changes join tokens, bots, roles and locks.'
      allowedMemberTypes: ['User', 'Application']
      isEnabled: true
    }
    {
      id: readerRole
      value: 'JoinBroker.Reader'
      displayName: 'Join Broker reader'
      description: 'Reads join tokens, bots, roles and locks.'
      allowedMemberTypes: ['User', 'Application']
      isEnabled: true
    }
    {
      id: authorityRole
      value: 'JoinBroker.AuthorityAdmin'
      displayName: 'Join Broker authority administrator'
      description: 'Makes and replaces the keys of the authorities. Who manages join tokens need not have it.'
      allowedMemberTypes: ['User', 'Application']
      isEnabled: true
    }
  ]
  // joinctl signs in here itself: through the browser, or with a device code where there is none.
  isFallbackPublicClient: true
  publicClient: { redirectUris: ['http://localhost'] }
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: signInScope
        value: 'sign_in'
        type: 'User'
        adminConsentDisplayName: 'Sign in to Join Broker'
        adminConsentDescription: 'Lets a program act on the broker as the person who signed in.'
        userConsentDisplayName: 'Sign in to Join Broker'
        userConsentDescription: 'Lets a program act on the broker as you.'
        isEnabled: true
      }
    ]
    // Who is signed in to `az` need not sign in again.
    preAuthorizedApplications: [{ appId: azureCli, delegatedPermissionIds: [signInScope] }]
  }
}

// Nobody without a role gets a token, so a guest of the tenant is no visitor of the broker.
resource operatorsPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = if (operators) {
  appId: operatorsApplication!.appId
  appRoleAssignmentRequired: true
}

resource administrator 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (operators) {
  appRoleId: administratorRole
  principalId: firstAdministrator
  resourceId: operatorsPrincipal!.id
}

// The first act (joinctl auth init) needs it. Take it away afterwards, if somebody else is to have it.
resource authorityAdministrator 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (operators) {
  appRoleId: authorityRole
  principalId: firstAdministrator
  resourceId: operatorsPrincipal!.id
}

// What machines ask tokens for. It has no rights, roles or secrets: a token for it opens nothing but a join, unlike one for
// the management API. Version 1 tokens carry the identifier as their audience, exactly as it was asked for.
resource joinApplication 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: 'join-broker-${name}'
  displayName: 'Join Broker ${name}: joining machines'
  signInAudience: 'AzureADMyOrg'
  identifierUris: [identifierBase]
  api: { requestedAccessTokenVersion: 1 }
}

// Any managed identity of the tenant may ask; join tokens decide who is let in.
resource joinPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: joinApplication.appId
  appRoleAssignmentRequired: false
}

@description('The parameter of main.bicep.')
output operatorsClientId string = operators ? operatorsApplication!.appId : ''

@description('onboarding.azure.audience in the config of agents in this tenant.')
output audience string = identifierBase
