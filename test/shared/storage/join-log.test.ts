import { expect, test } from 'vitest';
import type { JoinFacts } from '../../../shared/protocol/join-record.ts';
import { unavailable } from '../../../shared/refusal.ts';
import { makeRequestId } from '../../../shared/request-id.ts';
import { createJoinLog, JOIN_LOG_DAYS } from '../../../shared/storage/join-log.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const DAY_MS = 24 * 3600 * 1000;
const VM = '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11';

const denied: JoinFacts = {
  outcome: 'denied',
  code: 'access_denied',
  reason: 'rule_mismatch',
  detail: 'azure.allow[0].resource_groups did not match',
  vm_id: VM,
};

function setUp(table = createMemoryTable()) {
  const tasks: (() => void)[] = [];
  const failures: string[] = [];
  const log = createJoinLog({
    table,
    later: (task) => tasks.push(task),
    onFailure: (why) => failures.push(why),
  });
  return { log, table, tasks, failures };
}

test('an attempt is found by its request id alone, once its batch is written', async () => {
  const { log, tasks } = setUp();
  const id = makeRequestId(NOON);
  await log.record(id, denied, true);
  expect(await log.find(id)).toBeUndefined();
  expect(tasks).toHaveLength(1);
  await log.flush();
  expect(await log.find(id)).toEqual({
    request_id: id,
    time: '2026-11-20T12:00:00Z',
    outcome: 'denied',
    code: 'access_denied',
    reason: 'rule_mismatch',
    detail: 'azure.allow[0].resource_groups did not match',
    vm_id: VM,
  });
  expect(await log.find(makeRequestId(NOON))).toBeUndefined();
});

test.each<[string, JoinFacts['outcome'], boolean, boolean]>([
  ['an admission', 'admitted', true, true],
  ['a denial of a machine that a rule names', 'denied', true, true],
  ['a failure of a machine that a rule names', 'failed', true, true],
  ['a denial of a caller whom no rule names, whatever was proved', 'denied', false, false],
  ['a failure of such a caller', 'failed', false, false],
])('%s', async (_, outcome, known, isKept) => {
  const { log } = setUp();
  const id = makeRequestId(NOON).replace(/..$/, 'ab');
  await log.record(id, { ...denied, outcome }, known);
  await log.flush();
  expect((await log.find(id)) !== undefined).toBe(isKept);
});

test('a thousand attempts are one task, few writes, and all found', async () => {
  const memory = createMemoryTable();
  let writes = 0;
  const { log, tasks } = setUp({
    ...memory,
    apply: (operations) => {
      writes += 1;
      return memory.apply(operations);
    },
  });
  const ids = Array.from({ length: 1000 }, () => makeRequestId(NOON));
  for (const id of ids) await log.record(id, denied, true);
  await log.flush();
  expect(tasks).toHaveLength(1);
  expect(writes).toBeLessThanOrEqual(32);
  expect((await Promise.all(ids.map(log.find))).every(Boolean)).toBe(true);
});

test('of callers whom no rule names, one in 256 leaves a row', async () => {
  const { log, table } = setUp();
  const id = makeRequestId(NOON);
  for (let i = 0; i < 256; i += 1) {
    await log.record(id.slice(0, -2) + i.toString(16).padStart(2, '0'), denied, false);
  }
  await log.flush();
  expect(await table.list({})).toHaveLength(1);
});

test('storage that is down is told of, and stops nothing', async () => {
  const { log, failures } = setUp({
    ...createMemoryTable(),
    apply: () => Promise.reject(unavailable('storage can not be asked now')),
  });
  await log.record(makeRequestId(NOON), denied, true);
  await log.flush();
  expect(failures).toEqual([
    '1 joins could not be written to the join log: Refusal: storage can not be asked now',
  ]);
});

test('denials that can not be kept are counted and told', async () => {
  const { log, failures } = setUp();
  for (let i = 0; i < 5003; i += 1) await log.record(makeRequestId(NOON), denied, true);
  await log.flush();
  expect(failures).toEqual(['3 joins were not kept in the join log']);
});

const admitted: JoinFacts = { outcome: 'admitted', vm_id: VM };

test('an admission waits until there is room: however many denials come, it is found', async () => {
  const { log, failures } = setUp();
  for (let i = 0; i < 5000; i += 1) await log.record(makeRequestId(NOON), denied, true);
  const id = makeRequestId(NOON);
  await log.record(id, admitted, true);
  await log.flush();
  expect(await log.find(id)).toMatchObject(admitted);
  expect(failures).toEqual([]);
});

test('an admission that could not be written is written later; what was denied is told as lost', async () => {
  const memory = createMemoryTable();
  let down = true;
  const { log, tasks } = setUp({
    ...memory,
    apply: (operations) =>
      down ? Promise.reject(unavailable('storage can not be asked now')) : memory.apply(operations),
  });
  const ids = [makeRequestId(NOON), makeRequestId(NOON)];
  await log.record(ids[0] ?? '', admitted, true);
  await log.record(ids[1] ?? '', denied, true);
  await log.flush();
  down = false;
  expect(tasks).toHaveLength(2);
  tasks[1]?.();
  await log.flush();
  expect((await Promise.all(ids.map(log.find))).map(Boolean)).toEqual([true, false]);
});

test('where the log can not be written at all, an admission fails rather than leave no trace', async () => {
  const table = {
    ...createMemoryTable(),
    apply: () => Promise.reject(unavailable('storage can not be asked now')),
  };
  const log = createJoinLog({ table, later: () => {}, onFailure: () => {}, most: 2 });
  await log.record(makeRequestId(NOON), admitted, true);
  await log.record(makeRequestId(NOON), admitted, true);
  await expect(log.record(makeRequestId(NOON), admitted, true)).rejects.toMatchObject({
    code: 'unavailable',
  });
});

test('sweeping removes what is older than the retention, and nothing else', async () => {
  const { log } = setUp();
  const at = (days: number): Date => new Date(NOON.getTime() + days * DAY_MS);
  const ids = [0, 1, JOIN_LOG_DAYS].map((days) => makeRequestId(at(days)));
  for (const id of ids) await log.record(id, denied, true);
  await log.flush();
  expect(await log.sweep(at(JOIN_LOG_DAYS))).toBe(0);
  expect(await log.sweep(at(JOIN_LOG_DAYS + 1))).toBe(1);
  expect((await Promise.all(ids.map(log.find))).map(Boolean)).toEqual([false, true, true]);
});
