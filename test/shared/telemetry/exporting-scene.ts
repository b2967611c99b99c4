/** The exporter as it is built, and a broker in process whose telemetry it sends. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type * as Bundle from '../../../shared/telemetry/application-insights.ts';
import {
  createBufferedTelemetry,
  type Exporter,
} from '../../../shared/telemetry/buffered-telemetry.ts';
import { createScene } from '../../broker/fixtures.ts';
import { createClock, type TestBrokerOptions } from '../../broker/test-broker.ts';
import type { Ingestion } from './ingestion.ts';

const require = createRequire(import.meta.url);
const bundle = fileURLToPath(
  new URL('../../../dist/functions/application-insights.cjs', import.meta.url),
);

/** Sends to an endpoint on loopback. */
export function open(
  connectionString: string,
  options: Partial<Bundle.ApplicationInsightsOptions> = {},
): Exporter & { readonly failures: readonly string[] } {
  const { openApplicationInsights } = require(bundle) as typeof Bundle;
  const failures: string[] = [];
  const exporter = openApplicationInsights({
    connectionString,
    fetch: (input, init) => fetch(String(input).replace(/^https:/, 'http:'), init),
    role: 'join-broker-test',
    onFailure: (why) => failures.push(why),
    ...options,
  });
  onTestFinished(() => exporter.close());
  return { ...exporter, failures };
}

/** A broker whose telemetry goes to the endpoint, through the buffer. */
export async function exportingScene(ingestion: Ingestion, options: TestBrokerOptions = {}) {
  const clock = createClock();
  const log: string[] = [];
  const telemetry = createBufferedTelemetry({
    open: async () => open(ingestion.connectionString),
    now: clock.now,
    write: (line) => log.push(line),
  });
  const scene = await createScene({ clock, telemetry: () => telemetry, ...options });
  return { ...scene, telemetry, log };
}
