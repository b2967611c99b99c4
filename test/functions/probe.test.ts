/** The prober in the built function app, over HTTP against the app itself. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startStack } from '../../local/stack.ts';
import { METRICS } from '../../shared/telemetry/metrics.ts';
import { ROOT } from '../scenarios/scenario.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

test('passes every probe at the public address', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'probe-'));
  const broker = await freePort();
  const log: string[] = [];
  const stack = await startStack({
    directory,
    description: join(ROOT, 'examples/local-azure.yaml'),
    ports: { broker },
    env: {
      JOIN_BROKER_PUBLIC_URL: `http://127.0.0.1:${broker}`,
      JOIN_BROKER_AUDIENCES: 'api://join-broker-machines',
    },
    log: (line) => log.push(line),
  });
  onTestFinished(async () => {
    await stack.close();
    await rm(directory, { recursive: true });
  });
  await stack.host.runTimer('probe');
  await stack.close();
  const told = log.filter((line) => line.includes('"event":"probe"'));
  expect(told.map((line) => JSON.parse(line))).toMatchObject([
    {
      outcome: 'passed',
      results: METRICS.probes.dimensions.probe.map((name) => `${name}: passed`),
    },
  ]);
});
