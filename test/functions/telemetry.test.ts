/** The built function app, in the host, with Application Insights on loopback: from the first request to its end. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { makeJoin } from '../../bench/joiner.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { METRICS } from '../../shared/telemetry/metrics.ts';
import { ROOT } from '../scenarios/scenario.ts';
import { startIngestion } from '../shared/telemetry/ingestion.ts';

async function stackWith(env: Record<string, string>) {
  const directory = await mkdtemp(join(tmpdir(), 'telemetry-'));
  const log: string[] = [];
  const stack = await startStack({
    directory,
    description: join(ROOT, 'examples/local-azure.yaml'),
    env,
    timers: false,
    log: (line) => log.push(line),
  });
  onTestFinished(async () => {
    await stack.close();
    await rm(directory, { recursive: true });
  });
  return { stack, log };
}

async function send(
  { endpoints, described }: Stack,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${endpoints.broker}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      'content-type': 'application/json',
      'if-none-match': '*',
      authorization: `Bearer ${described.operators.get('admin')?.accessToken()}`,
    },
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function joinOnce(stack: Stack, bend: (body: object) => object = (body) => body) {
  for (const file of ['role', 'bot', 'bot-token']) {
    const resource = parse(await readFile(join(ROOT, `examples/${file}.yaml`), 'utf8'));
    await send(stack, 'PUT', `/v1/resources/${resource.kind}/${resource.metadata.name}`, resource);
  }
  const machine = stack.described.machines.get('vm-user');
  if (!machine) throw new Error('examples/local-azure.yaml describes no vm-user');
  const cluster = stack.settings['JOIN_BROKER_CLUSTER_NAME'] ?? '';
  const attempt = await makeJoin(machine, 'example-bot', cluster);
  return send(stack, 'POST', '/v1/join', bend(attempt));
}

test('every metric of the catalogue, and every audit event once, has arrived when the host has closed', async () => {
  const ingestion = await startIngestion();
  const { stack, log } = await stackWith({
    APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString,
  });
  const admitted = await joinOnce(stack);
  const denied = await joinOnce(stack, (body) => ({
    ...body,
    request: (body as { request: string }).request.replace('"identity"', '"other"'),
  }));
  expect([admitted.status, denied.status]).toEqual([200, 403]);
  await stack.host.runTimer('probe');
  await stack.host.runTimer('revoke');
  await stack.close();

  const metrics = ingestion.metrics();
  // Nobody was robbed or locked, no stranger was loud, no machine joined twice, and no backup was made.
  const absent = [
    'theft_signs',
    'audit_lines_not_written',
    'revoked_certificates',
    'backups',
    'second_instances',
    'documents_by_added_root',
  ];
  const quiet = Object.keys(METRICS).filter((name) => !absent.includes(name));
  expect(new Set(metrics.map(({ name }) => name))).toEqual(new Set(quiet));
  const joins = metrics.filter(({ name }) => name === 'joins');
  const byOutcome = Map.groupBy(joins, ({ dimensions }) => dimensions['outcome']);
  const total = (outcome: string): number =>
    byOutcome.get(outcome)?.reduce((sum, { value }) => sum + value, 0) ?? 0;
  expect([total('admitted'), total('denied')]).toEqual([1, 1]);
  const started = metrics.filter(({ name }) => name === 'cold_starts');
  expect(started.map(({ value, dimensions }) => [value, dimensions])).toEqual([
    [1, { trigger: 'http' }],
  ]);

  const requestIds = ingestion
    .traces()
    .filter(({ properties }) => properties['event'] === 'join')
    .map(({ properties }) => properties['request_id']);
  expect(requestIds).toEqual([admitted.body['request_id'], denied.body['request_id']]);
  expect(log.filter((line) => line.includes('"event":"join"'))).toEqual([]);
});

test('without a connection string audit events are lines of the log', async () => {
  const { stack, log } = await stackWith({});
  const { body } = await joinOnce(stack);
  await stack.close();
  const lines = log.filter((line) => line.includes('"event":"join"'));
  expect(lines.map((line) => JSON.parse(line).request_id)).toEqual([body['request_id']]);
});

test('an endpoint that never answers does not keep the host from ending', async () => {
  const ingestion = await startIngestion();
  onTestFinished(ingestion.hold());
  const { stack, log } = await stackWith({
    APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString,
  });
  await stack.close();
  expect(log.join('\n')).toContain('telemetry could not be sent: not done within 4500 ms');
});
