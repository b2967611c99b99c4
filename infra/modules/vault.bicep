// The vault of the root's key, which never leaves it, and of the key that protects all others. The broker makes `root` and
// `data-key-signature` itself, when it makes the root; `data-key-encryption` is made here, so that it needs fewer rights.
param name string
param location string
param tags object
@description('Who makes keys and signs with them.')
param principalId string
@description('Who uses the keys that there are and no more, where that is another app; else empty.')
param readerPrincipalId string
param workspaceId string
@description('Keys in hardware.')
param hsm bool
param privateNetwork bool
param networkId string
param endpointsSubnetId string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: hsm ? 'premium' : 'standard' }
    enableRbacAuthorization: true
    // Nobody, not even an owner, can destroy the root's key for 90 days. Deploying under the same name within them means
    // recovering this vault first: az keyvault recover.
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: privateNetwork ? 'Deny' : 'Allow', bypass: 'None' }
  }

  // Made once: a later deployment leaves it as it is. What a key may be used for is part of it, so nothing can be signed
  // with this one, whatever roles say.
  resource dataKeyEncryption 'keys' = {
    name: 'data-key-encryption'
    properties: {
      kty: hsm ? 'RSA-HSM' : 'RSA'
      keySize: 3072
      keyOps: ['wrapKey', 'unwrapKey']
    }
  }
}

// Makes and uses the keys that sign. It can't delete, purge, import, export or change any key, which the built-in Crypto
// Officer could, and the built-in Crypto User can't make one.
resource signer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(vault.id, 'signer')
  properties: {
    roleName: 'Signer of join broker ${name}'
    description: 'Makes keys in the vault of a join broker and signs with them.'
    type: 'CustomRole'
    permissions: [
      {
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/create/action'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource wrapper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(vault.id, 'wrapper')
  properties: {
    roleName: 'Wrapper of join broker ${name}'
    description: 'Wraps and unwraps the data key of a join broker.'
    type: 'CustomRole'
    permissions: [
      {
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/wrap/action'
          'Microsoft.KeyVault/vaults/keys/unwrap/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

// What the keys that there are need, and none of it makes a signature. One key of the vault can unwrap: what each may be used for
// is part of it.
resource unwrapper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(readerPrincipalId)) {
  name: guid(vault.id, 'unwrapper')
  properties: {
    roleName: 'Unwrapper of join broker ${name}'
    description: 'Unwraps the data key of a join broker.'
    type: 'CustomRole'
    permissions: [
      {
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/unwrap/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource signing 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, signer.id)
  scope: vault
  properties: { roleDefinitionId: signer.id, principalId: principalId, principalType: 'ServicePrincipal' }
}

resource wrapping 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault::dataKeyEncryption.id, principalId, wrapper.id)
  scope: vault::dataKeyEncryption
  properties: { roleDefinitionId: wrapper.id, principalId: principalId, principalType: 'ServicePrincipal' }
}

resource unwrapping 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(readerPrincipalId)) {
  name: guid(vault.id, readerPrincipalId, unwrapper.id)
  scope: vault
  properties: { roleDefinitionId: unwrapper.id, principalId: readerPrincipalId, principalType: 'ServicePrincipal' }
}

// Every use of a key, by whom and from where.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

module endpoint 'private-endpoint.bicep' = if (privateNetwork) {
  params: {
    name: vault.name
    location: location
    tags: tags
    networkId: networkId
    subnetId: endpointsSubnetId
    serviceId: vault.id
    groupId: 'vault'
    // .vault.azure.net has its zone at privatelink.vaultcore.azure.net, in every cloud alike.
    zoneName: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
  }
}

output url string = 'https://${vault.name}${environment().suffixes.keyvaultDns}'
