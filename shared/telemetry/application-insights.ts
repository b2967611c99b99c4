/**
 * Azure Application Insights. A bundle of its own, loaded when nobody waits.
 *
 * Of the package `applicationinsights` only its isolated providers are used, by their own path: the package's main file
 * loads every instrumentation and protocol that there is, for three times as long. Nothing is instrumented, sampled,
 * streamed live or written to disk here.
 */
import type { TokenCredential } from '@azure/identity';
import { TelemetryClientProvider } from 'applicationinsights/out/src/shim/telemetryClientProvider.js';
import { fetchHttpClient } from '../fetch-http-client.ts';
import { VERSION } from '../protocol/version.ts';
import type { Exporter } from './buffered-telemetry.ts';
import { METRICS, type Metric, type MetricName } from './metrics.ts';
import type { AuditEvent } from './telemetry.ts';

export interface ApplicationInsightsOptions {
  readonly connectionString: string;
  /** The identity that may publish; without one the connection string is enough. */
  readonly credential?: TokenCredential;
  readonly fetch: typeof fetch;
  /** The function app's name, as the portal shows it. */
  readonly role: string;
  /** Told when sending starts to fail. */
  readonly onFailure: (why: string) => void;
}

/** Opens the exporter. That the connection string is one was checked with the settings. */
export function openApplicationInsights(options: ApplicationInsightsOptions): Exporter {
  // The package's own reports on itself to Microsoft; only the environment turns them off.
  process.env['APPLICATION_INSIGHTS_NO_STATSBEAT'] = 'true';
  const { fetch, credential } = tellingFailures(options);
  const provider = new TelemetryClientProvider({
    azureMonitorExporterOptions: {
      connectionString: options.connectionString,
      ...(credential && { credential }),
      httpClient: fetchHttpClient(fetch),
      disableOfflineStorage: true,
    },
    resource: resourceOf(options),
  });
  const logger = provider.getLogger(SCOPE);
  const instruments = new Map(
    Object.entries<Metric>(METRICS).map(([name, metric]) => [
      name as MetricName,
      instrumentOf(provider, name, metric),
    ]),
  );
  return {
    audit(event, requestId, at) {
      logger.emit({
        timestamp: at,
        severityNumber: severityOf(event),
        body: titleOf(event),
        attributes: propertiesOf(event, requestId),
      });
    },
    measure: (metric, value, dimensions) => instruments.get(metric)?.(value, { ...dimensions }),
    flush: () => provider.flush(),
    async close() {
      await provider.flush();
      await provider.shutdown();
    },
  };
}

const SCOPE = 'join-broker';

type Instrument = (value: number, dimensions: Record<string, string>) => void;

function instrumentOf(
  provider: TelemetryClientProvider,
  name: string,
  { kind, unit, about }: Metric,
): Instrument {
  const meter = provider.getMeter(SCOPE);
  const described = { unit, description: about };
  if (kind === 'count') {
    const counter = meter.createCounter(name, described);
    return (value, dimensions) => counter.add(value, dimensions);
  }
  const recorder =
    kind === 'gauge' ? meter.createGauge(name, described) : meter.createHistogram(name, described);
  return (value, dimensions) => recorder.record(value, dimensions);
}

/** As OpenTelemetry numbers them: information, warning, error. */
const SEVERITY = { info: 9, warn: 13, error: 17 } as const;

function severityOf(event: AuditEvent): number {
  if (event.event === 'failure') return SEVERITY.error;
  const failed = 'outcome' in event && event.outcome === 'failed';
  if (!failed) return SEVERITY.info;
  return event.event === 'probe' ? SEVERITY.error : SEVERITY.warn;
}

/** What a list in the portal shows: `join denied rule_mismatch`. All else is in the properties. */
function titleOf(event: AuditEvent): string {
  const { outcome, reason, action } = event as {
    readonly outcome?: string;
    readonly reason?: string;
    readonly action?: string;
  };
  return [event.event, action, outcome, reason].filter((part) => part !== undefined).join(' ');
}

/** The custom dimensions: every member of the event, lists joined by commas. */
function propertiesOf(event: AuditEvent, requestId: string): Record<string, string | number> {
  const members = Object.entries(event).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return { request_id: requestId, ...Object.fromEntries(members) };
}

type Options = ConstructorParameters<typeof TelemetryClientProvider>[0];
type Resource = NonNullable<Options['resource']>;

function resourceOf({ role }: ApplicationInsightsOptions): Resource {
  const attributes = { 'service.name': role, 'service.version': VERSION };
  const resource: Resource = { attributes, merge: () => resource, getRawAttributes: () => [] };
  return resource;
}

/** The SDK keeps to itself that it can't send: the first failure after a success is told. */
function tellingFailures({ fetch, credential, onFailure }: ApplicationInsightsOptions) {
  let failing = false;
  const tell = (failure: string | undefined): void => {
    if (failure !== undefined && !failing) onFailure(failure);
    failing = failure !== undefined;
  };
  async function watched<T>(call: Promise<T>, failureOf: (answer: T) => string | undefined) {
    try {
      const answer = await call;
      tell(failureOf(answer));
      return answer;
    } catch (error) {
      tell(String(error));
      throw error;
    }
  }
  const failureOf = ({ status }: Response): string | undefined =>
    status < 400 && status !== PARTLY ? undefined : `ingestion answered with status ${status}`;
  return {
    fetch: ((...request) => watched(fetch(...request), failureOf)) as typeof globalThis.fetch,
    credential: credential && {
      getToken: (...asked: Parameters<TokenCredential['getToken']>) =>
        watched(credential.getToken(...asked), () => undefined),
    },
  };
}

/** Some items were refused. */
const PARTLY = 206;
