// The parameters out of environment variables: for `azd up`, which sets them from its environment, and for GitHub Actions.
using 'main.bicep'

param name = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param operatorsClientId = readEnvironmentVariable('JOIN_BROKER_OPERATORS_CLIENT_ID')

// Comma separated. AZURE_SUBSCRIPTION_ID is where the broker is: the machines' too, unless others are given.
param machineSubscriptions = split(
  readEnvironmentVariable('JOIN_BROKER_MACHINE_SUBSCRIPTIONS', readEnvironmentVariable('AZURE_SUBSCRIPTION_ID')),
  ','
)
param alertEmail = readEnvironmentVariable('JOIN_BROKER_ALERT_EMAIL', '')
// PEM of roots that Azure has moved to since this release; kept here, or the next deployment forgets them.
param trustAnchors = readEnvironmentVariable('JOIN_BROKER_TRUST_ANCHORS', '')
param runbook = readEnvironmentVariable('JOIN_BROKER_RUNBOOK', 'docs/runbook.md')
param alwaysReadyInstances = int(readEnvironmentVariable('JOIN_BROKER_ALWAYS_READY', '0'))
param twoApps = bool(readEnvironmentVariable('JOIN_BROKER_TWO_APPS', 'false'))
param hsm = bool(readEnvironmentVariable('JOIN_BROKER_HSM', 'false'))
param privateNetwork = bool(readEnvironmentVariable('JOIN_BROKER_PRIVATE_NETWORK', 'false'))
