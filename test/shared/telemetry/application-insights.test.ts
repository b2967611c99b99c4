/** The exporter as it is deployed: the built bundle, against an ingestion endpoint on loopback. */
import diagnostics from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { METRICS, type Metric, type MetricName } from '../../../shared/telemetry/metrics.ts';
import { join, joined } from '../../broker/joiner.ts';
import { NOON } from '../../broker/test-broker.ts';
import { watchTables } from '../../broker/watched-tables.ts';
import { exportingScene, open } from './exporting-scene.ts';
import { INSTRUMENTATION_KEY, type Ingestion, startIngestion } from './ingestion.ts';

const CATALOGUE: Readonly<Record<string, Metric>> = METRICS;

afterEach(() => {
  vi.useRealTimers();
});

test('every metric arrives under its name, with its dimensions and values', async () => {
  const ingestion = await startIngestion();
  const exporter = open(ingestion.connectionString);
  for (const [name, { dimensions }] of Object.entries(CATALOGUE)) {
    const firsts = Object.entries(dimensions).map(([dimension, [value]]) => [dimension, value]);
    const lasts = Object.entries(dimensions).map(([dimension, v]) => [dimension, v.at(-1)]);
    for (const [value, chosen] of [
      [1, firsts],
      [2, lasts],
    ] as const) {
      exporter.measure(name as MetricName, value, Object.fromEntries(chosen));
    }
  }
  await exporter.flush();
  const names = new Set(ingestion.metrics().map(({ name }) => name));
  expect(names).toEqual(new Set(Object.keys(METRICS)));
  for (const { name, dimensions } of ingestion.metrics()) {
    expect(Object.keys(dimensions), name).toEqual(Object.keys(CATALOGUE[name]?.dimensions ?? {}));
  }
});

test('counts add up, distributions keep their ends, gauges keep the newest value', async () => {
  const ingestion = await startIngestion();
  const exporter = open(ingestion.connectionString);
  const joins = {
    method: 'azure',
    role: 'Bot',
    outcome: 'admitted',
    reason: 'none',
    caller: 'known',
  } as const;
  for (const value of [10, 30, 20]) {
    exporter.measure('joins', 1, joins);
    exporter.measure('join_milliseconds', value, { method: 'azure', outcome: 'admitted' });
    exporter.measure('signing_key_days_left', value, { authority: 'tls-issuing' });
  }
  await exporter.flush();
  const sent = ingestion.envelopes.flatMap(({ data }) => data.baseData.metrics ?? []);
  expect(sent).toMatchObject([
    { name: 'joins', value: 3 },
    { name: 'join_milliseconds', value: 60, count: 3, min: 10, max: 30 },
    { name: 'signing_key_days_left', value: 20 },
  ]);
});

test('what is sent says whose it is', async () => {
  const ingestion = await startIngestion();
  const exporter = open(ingestion.connectionString);
  exporter.measure('cold_starts', 1, { trigger: 'http' });
  exporter.audit({ event: 'keys', actions: [] }, 'id', NOON);
  await exporter.flush();
  expect(ingestion.envelopes).toHaveLength(2);
  for (const { iKey, tags } of ingestion.envelopes) {
    expect(iKey).toBe(INSTRUMENTATION_KEY);
    expect(tags).toMatchObject({ 'ai.cloud.role': 'join-broker-test' });
  }
});

describe('a broker that joins, denies and fails', () => {
  test('loses nothing that was recorded before the exporter was there', async () => {
    const ingestion = await startIngestion();
    const storage = watchTables();
    const { api, vm, telemetry, log } = await exportingScene(ingestion, {
      tables: storage.tables,
    });
    const admitted = joined(await join(api, vm));
    const denied = await join(api, vm, { evidence: { document: { changedSignature: true } } });
    storage.fail('instances', 'down');
    await join(api, vm);
    storage.heal();
    await api.request('GET', '/readyz');
    await api.broker.probe({ requestId: 'probe-run' });
    await api.broker.lists.tend({ requestId: 'revoke-run' });
    expect(ingestion.envelopes).toEqual([]);
    await telemetry.load();
    await join(api, vm);
    await telemetry.drain();

    const joins = ingestion.metrics().filter(({ name }) => name === 'joins');
    expect(
      joins.map(({ value, dimensions: { outcome, reason } }) => [outcome, reason, value]),
    ).toEqual([
      ['admitted', 'none', 2],
      ['denied', 'document_signature', 1],
      ['failed', 'unavailable', 1],
    ]);
    const names = new Set(ingestion.metrics().map(({ name }) => name));
    // The functions count cold starts: a broker knows nothing of them. And nobody was robbed or locked, no backup made and no
    // root added.
    const others = [
      'cold_starts',
      'theft_signs',
      'audit_lines_not_written',
      'revoked_certificates',
      'backups',
      'documents_by_added_root',
    ];
    expect(names).toEqual(new Set(Object.keys(METRICS).filter((name) => !others.includes(name))));
    expect(titles(ingestion)).toEqual([
      'keys',
      'resource create done',
      'resource create done',
      'join admitted',
      'join denied document_signature',
      'join failed',
      'probe passed',
      'join admitted',
      'second_instance',
    ]);
    const byRequest = (id: string) =>
      ingestion.traces().filter(({ properties }) => properties['request_id'] === id);
    expect(byRequest(admitted.request_id)).toMatchObject([
      {
        time: NOON.toISOString(),
        properties: { event: 'join', outcome: 'admitted', bot: 'example', vm_id: vm.vmId },
      },
    ]);
    expect(byRequest((denied.body as { request_id: string }).request_id)).toMatchObject([
      { properties: { outcome: 'denied', reason: 'document_signature', code: 'access_denied' } },
    ]);
    expect(log).toEqual([]);
  });

  test('writes no audit line to the log, which the host would forward a second time', async () => {
    const ingestion = await startIngestion();
    const { api, vm, telemetry } = await exportingScene(ingestion);
    await join(api, vm);
    await telemetry.load();
    await join(api, vm, { token: 'nobody' });
    await telemetry.drain();
    expect(api.audit).toEqual([]);
    expect(titles(ingestion).slice(3)).toEqual([
      'join admitted',
      'join denied join_token_not_found',
    ]);
  });

  test('sends no token, and none of its parts', async () => {
    const ingestion = await startIngestion();
    const { api, vm, telemetry } = await exportingScene(ingestion);
    const token = vm.accessToken();
    await join(api, vm, { evidence: { token } });
    await telemetry.drain();
    const sent = JSON.stringify(ingestion.envelopes);
    for (const part of token.split('.')) expect(sent).not.toContain(part);
  });
});

const titles = (ingestion: Ingestion): string[] => ingestion.traces().map(({ message }) => message);

test('no request goes anywhere but to the endpoint, in the minutes to come either', async () => {
  const ingestion = await startIngestion();
  const hosts: string[] = [];
  const onHttp = (message: unknown): void => {
    hosts.push((message as { request: ClientRequest }).request.host);
  };
  const onFetch = (message: unknown): void => {
    hosts.push(new URL((message as { request: { origin: string } }).request.origin).host);
  };
  diagnostics.subscribe('http.client.request.start', onHttp);
  diagnostics.subscribe('undici:request:create', onFetch);
  onTestFinished(() => {
    diagnostics.unsubscribe('http.client.request.start', onHttp);
    diagnostics.unsubscribe('undici:request:create', onFetch);
  });

  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] });
  const exporter = open(ingestion.connectionString);
  exporter.measure('cold_starts', 1, { trigger: 'http' });
  exporter.audit({ event: 'keys', actions: [] }, 'id', NOON);
  // The SDK asks for settings after 15 seconds at the latest, and reports on itself every 15 minutes.
  for (let minute = 0; minute < 16; minute += 1) await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
  await exporter.flush();

  expect(ingestion.metrics()).toHaveLength(1);
  expect(ingestion.traces()).toHaveLength(1);
  expect(new Set(hosts)).toEqual(new Set([`127.0.0.1:${ingestion.port}`]));
});

describe('with the identity of the broker', () => {
  test('the token is asked for Azure Monitor and sent as a bearer', async () => {
    const scopes: unknown[] = [];
    const headers: (string | null)[] = [];
    const ingestion = await startIngestion();
    const exporter = open(ingestion.connectionString, {
      credential: {
        getToken: async (scope) => {
          scopes.push(scope);
          return { token: 'secret', expiresOnTimestamp: Date.now() + 3_600_000 };
        },
      },
      fetch: async (input, init) => {
        headers.push(new Headers(init?.headers).get('authorization'));
        return fetch(String(input).replace(/^https:/, 'http:'), init);
      },
    });
    exporter.measure('cold_starts', 1, { trigger: 'http' });
    await exporter.flush();
    expect(new Set(scopes.flat())).toEqual(new Set(['https://monitor.azure.com/.default']));
    expect(headers).toEqual(['Bearer secret']);
    expect(ingestion.metrics()).toHaveLength(1);
  });

  test('an identity without a token is told once', async () => {
    const ingestion = await startIngestion();
    const exporter = open(ingestion.connectionString, {
      credential: { getToken: () => Promise.reject(new Error('no such identity')) },
    });
    exporter.measure('cold_starts', 1, { trigger: 'http' });
    exporter.audit({ event: 'keys', actions: [] }, 'id', NOON);
    await exporter.flush();
    expect(exporter.failures).toEqual(['Error: no such identity']);
    expect(ingestion.envelopes).toEqual([]);
  });
});

test.each<[string, () => Promise<Response>]>([
  [
    'a connection that breaks',
    () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })),
  ],
  ['an endpoint that is busy', async () => Response.json({}, { status: 503 })],
])('%s is tried again, and nothing is lost', async (_, fail) => {
  const ingestion = await startIngestion();
  let failures = 2;
  const exporter = open(ingestion.connectionString, {
    fetch: (input, init) => {
      failures -= 1;
      return failures >= 0 ? fail() : fetch(String(input).replace(/^https:/, 'http:'), init);
    },
  });
  exporter.measure('cold_starts', 1, { trigger: 'http' });
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const flushed = exporter.flush();
  await vi.advanceTimersByTimeAsync(10_000);
  vi.useRealTimers();
  await flushed;
  expect(ingestion.metrics()).toMatchObject([{ name: 'cold_starts', value: 1 }]);
});

test('an endpoint that refuses is told once, and again after a success', async () => {
  const ingestion = await startIngestion();
  const exporter = open(ingestion.connectionString);
  const send = async (): Promise<void> => {
    exporter.measure('cold_starts', 1, { trigger: 'http' });
    await exporter.flush();
  };
  ingestion.answerWith(400, 400, 200, 400);
  for (let i = 0; i < 4; i += 1) await send();
  expect(exporter.failures).toEqual([
    'ingestion answered with status 400',
    'ingestion answered with status 400',
  ]);
  expect(ingestion.metrics()).toHaveLength(1);
});
