/** Where audit events and metrics go: Application Insights where it is configured, else the log. One path, never both. */
import { app, type PreInvocationContext } from '@azure/functions';
import type { Settings } from '../shared/settings.ts';
import { createBufferedTelemetry, type Exporter } from '../shared/telemetry/buffered-telemetry.ts';
import { createLogTelemetry, type Telemetry } from '../shared/telemetry/telemetry.ts';
import { onceIdle } from './idle.ts';
import { plainFetch } from './plain-fetch.ts';

export function openTelemetry(settings: Settings, now: () => Date): Telemetry {
  const write = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const connectionString = settings.APPLICATIONINSIGHTS_CONNECTION_STRING;
  if (connectionString === undefined) return createLogTelemetry(now, write);

  const open = () => openExporter(connectionString, settings, write);
  const telemetry = createBufferedTelemetry({ open, now, write });
  const idle = onceIdle(() => void telemetry.load());
  let cold = true;
  app.hook.preInvocation(({ invocationContext }: PreInvocationContext) => {
    idle.began();
    if (!cold) return;
    cold = false;
    const timer = invocationContext.options.trigger.type === 'timerTrigger';
    telemetry.measure('cold_starts', 1, { trigger: timer ? 'timer' : 'http' });
  });
  app.hook.postInvocation(() => idle.ended());
  app.hook.appTerminate(() => telemetry.drain());
  return telemetry;
}

async function openExporter(
  connectionString: string,
  settings: Settings,
  write: (line: string) => void,
): Promise<Exporter> {
  const { APPLICATIONINSIGHTS_AUTHENTICATION_STRING: identity, WEBSITE_SITE_NAME: role } = settings;
  const credential =
    identity &&
    (await import('../shared/azure-credential.ts')).openAzureCredential(identity.clientId, fetch);
  const { openApplicationInsights } = await import('../shared/telemetry/application-insights.ts');
  return openApplicationInsights({
    connectionString,
    ...(credential && { credential }),
    fetch: LOOPBACK.test(connectionString) ? plainFetch : fetch,
    role: role ?? 'join-broker',
    onFailure: (why) => write(`Application Insights: ${why}`),
  });
}

const LOOPBACK = /(?:^|;)IngestionEndpoint=http:\/\/127\.0\.0\.1:\d+\/?(?:;|$)/i;
