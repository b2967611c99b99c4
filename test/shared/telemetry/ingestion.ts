/** Application Insights' ingestion on loopback: takes what the SDK really sends. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

export interface Envelope {
  readonly iKey: string;
  readonly time: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: {
    readonly baseType: string;
    readonly baseData: {
      readonly message?: string;
      readonly severityLevel?: string;
      readonly properties: Readonly<Record<string, string>>;
      readonly metrics?: readonly {
        readonly name: string;
        readonly value: number;
        readonly count: number;
        readonly min?: number;
        readonly max?: number;
      }[];
    };
  };
}

export interface Ingestion {
  readonly port: number;
  readonly connectionString: string;
  readonly envelopes: readonly Envelope[];
  /** The answers to come, one for each request; then success. */
  answerWith(...statuses: number[]): void;
  /** Answers nobody until it is told to. */
  hold(): () => void;
  metrics(): readonly SentMetric[];
  traces(): readonly SentTrace[];
}

export interface SentMetric {
  readonly name: string;
  readonly value: number;
  readonly count: number;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface SentTrace {
  readonly message: string;
  readonly time: string;
  readonly properties: Readonly<Record<string, string>>;
}

export const INSTRUMENTATION_KEY = '00000000-0000-4000-8000-000000000001';

export async function startIngestion(): Promise<Ingestion> {
  const envelopes: Envelope[] = [];
  const statuses: number[] = [];
  let held: Promise<void> = Promise.resolve();
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    await held;
    const gzip = request.headers['content-encoding'] === 'gzip';
    const status = request.url === '/v2.1/track' ? (statuses.shift() ?? 200) : 404;
    const items = JSON.parse((gzip ? gunzipSync(body) : body).toString()) as Envelope[];
    if (status === 200) envelopes.push(...items);
    const counts = { itemsReceived: items.length, itemsAccepted: items.length, errors: [] };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(counts));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return {
    port,
    connectionString: `InstrumentationKey=${INSTRUMENTATION_KEY};IngestionEndpoint=http://127.0.0.1:${port}/`,
    envelopes,
    answerWith: (...next) => void statuses.push(...next),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    metrics: () =>
      envelopes.flatMap(({ data }) =>
        (data.baseData.metrics ?? []).map(({ name, value, count }) => ({
          name,
          value,
          count,
          dimensions: data.baseData.properties,
        })),
      ),
    traces: () =>
      envelopes
        .filter(({ data }) => data.baseType === 'MessageData')
        .map(({ time, data: { baseData } }) => ({
          time,
          message: baseData.message ?? '',
          properties: baseData.properties,
        })),
  };
}
