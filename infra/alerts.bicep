// What wakes somebody, and what only asks to be looked at. Each alert is one query of alerts/, which finds rows when there
// is something to see, and one section of docs/runbook.md, which says what it means and what to do.
param name string
param location string
param tags object
param workspaceId string
param componentId string
@description('What the availability test asks for.')
param readyUrl string
param availabilityTest bool
param email string
param runbook string

// Severity 1: machines can't join, or could join that must not. 2: soon, or somebody tries. 3: look at it this week.
var alerts = [
  {
    section: 'unhealthy'
    title: 'the broker is not ready'
    severity: 1
    query: loadTextContent('alerts/unhealthy.kql')
    every: 'PT15M'
    range: 'PT1H'
  }
  {
    section: 'prober-failure'
    title: 'a probe failed, or no prober runs'
    severity: 1
    query: loadTextContent('alerts/prober-failure.kql')
    every: 'PT15M'
    range: 'P2D'
  }
  {
    section: 'join-failures'
    title: 'joins fail for reasons of our own'
    severity: 1
    query: loadTextContent('alerts/join-failures.kql')
    every: 'PT15M'
    range: 'PT30M'
  }
  {
    section: 'signs-of-theft'
    title: 'a secret or an identity was copied'
    severity: 1
    query: loadTextContent('alerts/signs-of-theft.kql')
    every: 'PT15M'
    range: 'PT1H'
  }
  {
    section: 'lost-keys'
    title: 'an authority is lost, or somebody wrote to the table of keys'
    severity: 1
    query: loadTextContent('alerts/lost-keys.kql')
    every: 'PT15M'
    range: 'PT1H'
  }
  {
    section: 'stale-lists'
    title: 'the revocation lists are not kept up to date'
    severity: 1
    query: loadTextContent('alerts/stale-lists.kql')
    every: 'PT15M'
    range: 'P1D'
  }
  {
    section: 'large-lists'
    title: 'the revocation lists grow towards what agents take'
    severity: 2
    query: loadTextContent('alerts/large-lists.kql')
    every: 'PT15M'
    range: 'PT1H'
  }
  {
    section: 'denial-spike'
    title: 'many more joins are denied than usual'
    severity: 2
    query: loadTextContent('alerts/denial-spike.kql')
    every: 'PT15M'
    range: 'P1D'
  }
  {
    section: 'no-joins'
    title: 'no machine joins any more'
    severity: 2
    query: loadTextContent('alerts/no-joins.kql')
    every: 'PT1H'
    range: 'P2D'
  }
  {
    section: 'ageing-keys'
    title: 'a signing key is not renewed'
    severity: 2
    query: loadTextContent('alerts/ageing-keys.kql')
    every: 'PT1H'
    range: 'PT6H'
  }
  {
    section: 'no-backup'
    title: 'the authorities are not backed up'
    severity: 2
    query: loadTextContent('alerts/no-backup.kql')
    every: 'PT6H'
    range: 'P2D'
  }
  {
    section: 'ageing-roots'
    title: 'a root ends, or Azure signs under another one'
    severity: 3
    query: loadTextContent('alerts/ageing-roots.kql')
    every: 'PT6H'
    range: 'P2D'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'join-broker'
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [
  for alert in alerts: {
    name: '${name}-${alert.section}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Join Broker ${name}: ${alert.title}'
      description: 'What it means and what to do: ${runbook}#${alert.section}'
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: alert.every
      windowSize: alert.every
      overrideQueryTimeRange: alert.range
      autoMitigate: true
      // A new workspace has no rows yet; the queries are checked by the project's tests.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: {
        actionGroups: empty(email) ? [] : [people.id]
        customProperties: { runbook: '${runbook}#${alert.section}' }
      }
    }
  }
]

// Places from which Azure asks. China has none that could be named here: there, the prober says whether the broker answers.
var placesOf = {
  AzureCloud: ['emea-nl-ams-azr', 'us-va-ash-azr', 'apac-sg-sin-azr']
  AzureUSGovernment: ['usgov-va-azr', 'usgov-tx-azr']
  AzureChinaCloud: []
}
var places = availabilityTest ? placesOf[environment().name] : []

resource ready 'Microsoft.Insights/webtests@2022-06-15' = if (!empty(places)) {
  name: '${name}-ready'
  location: location
  // This tag is what ties a test to its Application Insights.
  tags: union(tags, { 'hidden-link:${componentId}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: '${name}-ready'
    Name: 'readyz of ${name}'
    Enabled: true
    Kind: 'standard'
    Frequency: 900
    // A cold start is no failure.
    Timeout: 60
    RetryEnabled: true
    Locations: [for place in places: { Id: place }]
    Request: { RequestUrl: readyUrl, HttpVerb: 'GET', ParseDependentRequests: false, FollowRedirects: false }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 7 }
  }
}
