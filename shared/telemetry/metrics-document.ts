/** docs/metrics.md, made from the catalogue. */
import { METRICS, type Metric } from './metrics.ts';

export function metricsMarkdown(): string {
  const sections = Object.entries<Metric>(METRICS).map(([name, metric]) => section(name, metric));
  return `${HEAD}\n${sections.join('\n')}`;
}

function section(name: string, { kind, unit, about, dimensions }: Metric): string {
  const rows = Object.entries(dimensions).map(
    ([dimension, values]) =>
      `| \`${dimension}\` | ${values.map((value) => `\`${value}\``).join(', ')} |`,
  );
  const table = rows.length === 0 ? [] : ['| dimension | values |', '| --- | --- |', ...rows, ''];
  return [`## ${name}`, '', `${KINDS[kind]} Unit: \`${unit}\`.`, '', about, '', ...table].join(
    '\n',
  );
}

const KINDS: Readonly<Record<Metric['kind'], string>> = {
  count: 'A count: add up `Sum`.',
  distribution: 'A distribution: `Sum / ItemCount` is the mean, `Min` and `Max` its ends.',
  gauge: 'A gauge: the newest value of each process and minute, in `Sum`.',
};

const HEAD = `# Metrics and audit events

Made from \`shared/telemetry/metrics.ts\` by \`npm run build\`: change it there.

With \`APPLICATIONINSIGHTS_CONNECTION_STRING\` the broker sends its metrics to Application Insights once a minute. They are in
the table \`AppMetrics\` of its Log Analytics workspace (\`customMetrics\` in the resource itself): \`Name\`, \`Sum\`, \`ItemCount\`,
\`Min\`, \`Max\`, and the dimensions in \`Properties\`. Their number is bounded: every dimension has the closed list of values
below, and none is ever the name of a machine, bot, token or tenant.

    AppMetrics
    | where Name == "joins"
    | summarize joins = sum(Sum) by outcome = tostring(Properties.outcome), bin(TimeGenerated, 5m)

## Audit events

Every attempt to join, every change by an operator, every change of keys and every run of the prober is one row of
\`AppTraces\` (\`traces\`). Only failed joins of callers whom no rule names are sampled: of them
\`JOIN_BROKER_AUDITED_STRANGERS\` a minute leave a row at one function instance, the metric \`joins\` counts all, and an event
\`sampled\` says how many left none. \`Message\` says what it was (\`join denied rule_mismatch\`), \`Properties\` has all the rest,
\`request_id\` first. It is the request id that the caller was told, in the body of an error and in the header
\`x-request-id\`: a joiner that was denied knows nothing else, and it is enough to find out why.

    AppTraces
    | where Properties.event == "join" and Properties.request_id == "<request id>"

    AppTraces
    | where Properties.event == "join"
    | summarize percentiles(todouble(Properties.duration_ms), 50, 95, 99) by bin(TimeGenerated, 5m)

There is one path for them. With Application Insights the broker sends them itself, with their properties, and does not write
them to the log, from where the Functions host would forward them a second time, as plain text and sampled. Without it they
are lines of JSON in the invocation's log. What went wrong inside (\`"event":"failure"\`) goes to the log in both cases, where
the host adds the invocation to it.

The exporter is loaded when the process has answered its first request and then been idle for a second (or after half a
minute, if it never is). What is recorded before is kept in memory, audit events with their own time, and sent then; what is
left is sent when the host ends the process, within five seconds. If Application Insights can't be used at all, the log says
so, and gets the audit events. Nothing else is sent anywhere: no automatic instrumentation, no live metrics, no reports of
the SDK on itself.

# Catalogue
`;
