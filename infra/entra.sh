#!/usr/bin/env bash
# The two applications of a broker in the directory, as entra.bicep makes them, through `az` alone. Safe to run again.
#
#   infra/entra.sh prod                  prints the client id of the operators' application: a parameter of main.bicep
#   infra/entra.sh prod --join-only      in a further tenant whose machines join: prints nothing
#
# Signed in with `az login` as somebody who may make applications. Whoever runs it gets the roles JoinBroker.Admin and JoinBroker.AuthorityAdmin.
set -euo pipefail

name=${1:-}
mode=${2:-}
if [[ ! $name =~ ^[a-z][a-z0-9-]{1,11}$ || ! $mode =~ ^(--join-only)?$ ]]; then
  echo "Expected: $0 <name: 2 to 12 lower-case letters, digits, dashes> [--join-only]" >&2
  exit 2
fi

# Fixed, and the same in entra.bicep: what one of them made, the other one finds.
administrator_role=5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a01
reader_role=5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a02
authority_role=5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a04
sign_in_scope=5b0c1e86-7d0f-4b3e-9d57-0c7a3f1c9a03
azure_cli=04b07795-8ddb-461a-bbee-02f9e1bf7b46

# Microsoft Graph of the cloud that `az` is set to, always with a slash at the end.
graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}/v1.0
tenant=$(az account show --query tenantId --output tsv)
# An identifier has to name the tenant, or tenants with today's default policy refuse it.
identifier="api://$tenant/join-broker-$name"

# call <method> <path> [<arguments of az rest>...]
call() {
  local method=$1 path=$2
  shift 2
  az rest --method "$method" --url "$graph$path" --output tsv "$@"
}

# upsert <path with a key> <properties>: makes the object, or gives it these properties. The directory takes some seconds
# until it knows everywhere what it has just made, so a failure is tried again.
upsert() {
  local attempt
  for attempt in 1 2 3 4; do
    call PATCH "$1" --headers Content-Type=application/json Prefer=create-if-missing --body "$2" > /dev/null && return
    sleep "$((attempt * 5))"
  done
  return 1
}

# application <unique name> <properties>: prints its client id.
application() {
  upsert "/applications(uniqueName='$1')" "$2"
  call GET "/applications(uniqueName='$1')" --query appId
}

# principal <client id> <whether only those with a role get tokens>: prints the object id of its service principal.
principal() {
  upsert "/servicePrincipals(appId='$1')" "{\"appRoleAssignmentRequired\": $2}"
  call GET "/servicePrincipals(appId='$1')" --query id
}

operators() {
  cat <<JSON
{
  "displayName": "Join Broker $name: operators",
  "signInAudience": "AzureADMyOrg",
  "identifierUris": ["$identifier-operators"],
  "appRoles": [
    {
      "id": "$administrator_role",
      "value": "JoinBroker.Admin",
      "displayName": "Join Broker administrator",
      "description": "Reads and changes join tokens, bots, roles and locks.",
      "allowedMemberTypes": ["User", "Application"],
      "isEnabled": true
    },
    {
      "id": "$reader_role",
      "value": "JoinBroker.Reader",
      "displayName": "Join Broker reader",
      "description": "Reads join tokens, bots, roles and locks.",
      "allowedMemberTypes": ["User", "Application"],
      "isEnabled": true
    },
    {
      "id": "$authority_role",
      "value": "JoinBroker.AuthorityAdmin",
      "displayName": "Join Broker authority administrator",
      "description": "Makes and replaces the keys of the authorities. Who manages join tokens need not have it.",
      "allowedMemberTypes": ["User", "Application"],
      "isEnabled": true
    }
  ],
  "isFallbackPublicClient": true,
  "publicClient": { "redirectUris": ["http://localhost"] },
  "api": {
    "requestedAccessTokenVersion": 2,
    "oauth2PermissionScopes": [
      {
        "id": "$sign_in_scope",
        "value": "sign_in",
        "type": "User",
        "adminConsentDisplayName": "Sign in to Join Broker",
        "adminConsentDescription": "Lets a program act on the broker as the person who signed in.",
        "userConsentDisplayName": "Sign in to Join Broker",
        "userConsentDescription": "Lets a program act on the broker as you.",
        "isEnabled": true
      }
    ],
    "preAuthorizedApplications": [
      { "appId": "$azure_cli", "delegatedPermissionIds": ["$sign_in_scope"] }
    ]
  }
}
JSON
}

joining() {
  cat <<JSON
{
  "displayName": "Join Broker $name: joining machines",
  "signInAudience": "AzureADMyOrg",
  "identifierUris": ["$identifier"],
  "api": { "requestedAccessTokenVersion": 1 }
}
JSON
}

# Gives the roles to whoever is signed in, unless he has them.
make_administrator() {
  local resource=$1 me role
  if [[ $(az account show --query user.type --output tsv) == user ]]; then
    me=$(az ad signed-in-user show --query id --output tsv)
  else
    me=$(az ad sp show --id "$(az account show --query user.name --output tsv)" --query id --output tsv)
  fi
  local holders
  for role in "$administrator_role" "$authority_role"; do
    holders=$(call GET "/servicePrincipals/$resource/appRoleAssignedTo" \
      --query "value[?principalId=='$me' && appRoleId=='$role'].id")
    [[ -n $holders ]] || call POST "/servicePrincipals/$resource/appRoleAssignedTo" \
      --headers Content-Type=application/json \
      --body "{\"principalId\": \"$me\", \"resourceId\": \"$resource\", \"appRoleId\": \"$role\"}" > /dev/null
  done
}

join_client_id=$(application "join-broker-$name" "$(joining)")
principal "$join_client_id" false > /dev/null
echo "Agents in tenant $tenant ask for the audience $identifier" >&2
[[ $mode == --join-only ]] && exit

client_id=$(application "join-broker-$name-operators" "$(operators)")
make_administrator "$(principal "$client_id" true)"
echo "Operators sign in to the application $client_id; you have the roles JoinBroker.Admin and JoinBroker.AuthorityAdmin" >&2
echo "$client_id"
