import { expect, test } from 'vitest';
import type { HeartbeatRecord } from '../../../shared/protocol/heartbeat.ts';
import { createHeartbeats } from '../../../shared/storage/heartbeats.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const ID = '0a1b2c3d-1111-4111-8111-111111111111';
const record = (version: string) => ({ version }) as unknown as HeartbeatRecord;

test('the latest heartbeat of an instance takes the place of the one before', async () => {
  const table = createMemoryTable();
  const heartbeats = createHeartbeats(table);
  expect(await heartbeats.read('bot:example', ID)).toBeUndefined();
  await heartbeats.put('bot:example', ID, record('1'), 100);
  await heartbeats.put('bot:example', ID, record('2'), 200);
  expect(await heartbeats.read('bot:example', ID)).toEqual(record('2'));
  expect(await heartbeats.read('host:Node', ID)).toBeUndefined();
  expect(await table.list({})).toMatchObject([
    { partition: 'heartbeat:bot:example:0', key: ID, values: { goneAfter: 200 } },
  ]);
});
