/** The prober in the built function app, over HTTP against the app itself. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { startStack } from '../../local/stack.ts';
import { METRICS } from '../../shared/telemetry/metrics.ts';
import { ROOT } from '../scenarios/scenario.ts';

/**
 * The public address: it is known before the broker runs and passes everything on to it, as the front door of a real one
 * does. `opensTo` says where the broker listens.
 */
async function frontDoor(): Promise<{ url: string; opensTo: (broker: string) => void }> {
  const behind = Promise.withResolvers<string>();
  const server = createServer(async (outside) => {
    const { hostname, port } = new URL(await behind.promise);
    const inside = connect(Number(port), hostname);
    // Either side may just go away: then the other one is closed too.
    pipeline(outside, inside, outside, () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, opensTo: behind.resolve };
}

test('passes every probe at the public address', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'probe-'));
  const door = await frontDoor();
  const log: string[] = [];
  const stack = await startStack({
    directory,
    description: join(ROOT, 'examples/local-azure.yaml'),
    env: {
      JOIN_BROKER_PUBLIC_URL: door.url,
      JOIN_BROKER_AUDIENCES: 'api://join-broker-machines',
    },
    timers: false,
    log: (line) => log.push(line),
  });
  door.opensTo(stack.endpoints.broker);
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
