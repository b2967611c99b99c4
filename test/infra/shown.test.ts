/**
 * What the workbook and the queries of the documents show of what the broker sends: each is run on what an eventful hour of
 * a real broker left at the ingestion endpoint, and has something in every column.
 */
import { expect, test } from 'vitest';
import type { Table } from '../../shared/storage/table.ts';
import { METRICS, type Metric, type MetricName } from '../../shared/telemetry/metrics.ts';
import { type Attempt, join, joined } from '../broker/joiner.ts';
import type { Api } from '../broker/test-broker.ts';
import { joinWith, makeSecret } from '../broker/token-joiner.ts';
import { watchTables } from '../broker/watched-tables.ts';
import { exportingScene } from '../shared/telemetry/exporting-scene.ts';
import { startIngestion } from '../shared/telemetry/ingestion.ts';
import { ASKED, rowsOf, timeOf } from './log-rows.ts';
import { documentQueries, withParameters, workbookQueries } from './queries.ts';
import { type FoundRow, hasKusto, type LogRows, runKusto } from './run-kusto.ts';

const QUERIES = [...workbookQueries, ...documentQueries];

test.skipIf(!hasKusto)(
  'each query shows something of an eventful hour, in every column',
  async () => {
    const hour = await eventfulHour();
    const queries = QUERIES.map((query) => [query.name, withExamples(withParameters(query), hour)]);
    const scenes = QUERIES.map(({ name }) => ({ query: name, rows: hour.rows }));
    const found = runKusto(Object.fromEntries(queries), ASKED, scenes);
    const withoutRows = QUERIES.filter((_, index) => found[index]?.length === 0);
    expect(withoutRows.map(({ name }) => name)).toEqual([]);
    const empty = QUERIES.flatMap(({ name }, index) =>
      emptyColumns(found[index] ?? []).map((column) => `${name}: ${column}`),
    );
    expect(empty).toEqual([]);
  },
);

interface Hour {
  readonly rows: LogRows;
  /** What whoever copies a query puts in, by what stands there. */
  readonly examples: Readonly<Record<string, string>>;
}

/** Whatever the broker tells happens once, by the real parts where they make it happen at once. */
async function eventfulHour(): Promise<Hour> {
  const ingestion = await startIngestion();
  const storage = watchTables();
  const { api, vm, telemetry } = await exportingScene(ingestion, {
    tables: storage.tables,
    settings: { JOIN_BROKER_BACKUP_URL: 'https://backup.example.org/authorities' },
    backups: {
      accessToken: async () => 'storage-token',
      fetch: async () => new Response(null, { status: 403 }),
    },
  });
  const joiners = behindFrontEnd(api);
  const admitted = joined(await join(joiners, vm));
  await join(joiners, vm);
  const chain = api.cloud.signingChain({ root: 'look_alike' });
  const denied = problemOf(await join(joiners, vm, { evidence: { chain } }));
  const secret = await makeSecret(api, { name: 'robot-x7k2qm' });
  for (const _ of ['first', 'second']) await joinWith(joiners, secret);
  storage.fail('instances', 'down');
  await join(joiners, vm);
  storage.heal();
  await api.put(lockOn(vm.vmId));
  api.clock.advance(6);
  await join(joiners, vm);
  await api.broker.probe({ requestId: 'probe-run' });
  await api.broker.flush();
  await api.broker.anchorJoinLog({ requestId: 'anchor-run' });
  storage.fail('revoked', 'down');
  api.clock.advance(7200);
  await api.broker.lists.tend({ requestId: 'revoke-run' });
  storage.heal();
  await api.broker.backUp({ requestId: 'back-up-run' });
  await loseAndPlantKeys(storage.tables.keys);
  await api.broker.rotateKeys({ requestId: 'rotate-run' });
  for (const [name, { dimensions }] of Object.entries<Metric>(METRICS))
    for (const chosen of everyValue(dimensions))
      telemetry.measure(name as MetricName, 1, chosen as never);
  await telemetry.load();
  await telemetry.drain();

  const line = ingestion
    .traces()
    .find(({ properties }) => properties['request_id'] === admitted.request_id);
  return {
    rows: { ...rowsOf(ingestion.envelopes, 30), ...OF_THE_HOST },
    examples: {
      // What runs the queries here doesn't know it.
      '| extend number = row_number()': '',
      '<request id>': denied.request_id,
      '<SHA-256>': line?.properties['document_signer'] ?? '',
      '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11': vm.vmId,
    },
  };
}

/** The Functions host tells from where a request came. */
const behindFrontEnd = (api: Api): Api => ({
  ...api,
  request: (method, path, { headers, ...options } = {}) =>
    api.request(method, path, {
      ...options,
      headers: { ...headers, 'x-forwarded-for': '203.0.113.7:50123' },
    }),
});

const lockOn = (vmId: string): object => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'incident-1' },
  spec: { target: { machine: vmId }, message: 'under investigation' },
});

async function loseAndPlantKeys(keys: Table): Promise<void> {
  for (const { partition, key, etag } of await keys.list({ partition: 'ssh-user' }))
    await keys.apply([{ kind: 'remove', partition, key, etag }]);
  const planted = { partition: 'ssh-host', key: '000000009', values: { sealed: 'by nobody' } };
  await keys.apply([{ kind: 'insert', row: planted }]);
}

/** What Azure itself writes. */
const OF_THE_HOST: LogRows = {
  AppRequests: [
    {
      TimeGenerated: timeOf(5),
      Name: 'join',
      DurationMs: 40,
      ResultCode: '200',
      Success: true,
      ItemCount: 1,
    },
  ],
  Usage: [{ TimeGenerated: timeOf(60), DataType: 'AppTraces', IsBillable: true, Quantity: 12 }],
};

/** Choices of all dimensions, among which each value of each of them is. */
function everyValue(dimensions: Metric['dimensions']): Record<string, string | undefined>[] {
  const most = Math.max(1, ...Object.values(dimensions).map((values) => values.length));
  return Array.from({ length: most }, (_, index) =>
    Object.fromEntries(
      Object.entries(dimensions).map(([name, values]) => [name, values[index % values.length]]),
    ),
  );
}

const problemOf = ({ body }: Attempt) => body as { readonly request_id: string };

const withExamples = (query: string, { examples }: Hour): string =>
  Object.entries(examples).reduce((text, [from, to]) => text.replaceAll(from, to), query);

const emptyColumns = (rows: readonly FoundRow[]): string[] =>
  Object.keys(rows[0] ?? {}).filter((column) =>
    rows.every((row) => row[column] === null || row[column] === ''),
  );
