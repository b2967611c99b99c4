import { describe, expect, test } from 'vitest';
import { makeRequestId } from '../../../shared/request-id.ts';
import { AUDIT_DAYS, type AuditFacts, createAuditLog } from '../../../shared/storage/audit-log.ts';
import { askedTable } from './asked-table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const HOUR = 3600;
const DAY = 24 * HOUR;
const begun: AuditFacts = { action: 'create', resource: 'bot/example', outcome: 'begun' };

const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

function createScene() {
  const { table, queries } = askedTable();
  const log = createAuditLog(table);
  const write = async (time: Date): Promise<string> => {
    const id = makeRequestId(time);
    await log.write(id, begun);
    return id;
  };
  const idsOf = async (since: Date, until: Date, after?: string): Promise<readonly string[]> =>
    (await log.list({ since, until, after })).items.map(({ request_id }) => request_id);
  return { table, queries, log, write, idsOf };
}

test('a change is found by its request id, and says in the same place what became of it', async () => {
  const { log, table } = createScene();
  const id = makeRequestId(NOON);
  expect(await log.find(id)).toBeUndefined();
  await log.write(id, begun);
  const record = { request_id: id, time: '2026-11-20T12:00:00Z', ...begun };
  expect(await log.find(id)).toEqual(record);
  await log.write(id, { ...begun, outcome: 'done' });
  expect(await log.find(id)).toEqual({ ...record, outcome: 'done' });
  expect(await table.list({})).toHaveLength(1);
});

test('a row that is none is no record', async () => {
  const { log, table, idsOf } = createScene();
  const id = makeRequestId(NOON);
  const row = { partition: '20261120', key: id, values: { json: '{}' } };
  await table.apply([{ kind: 'put', row }]);
  expect(await log.find(id)).toBeUndefined();
  expect(await idsOf(NOON, NOON)).toEqual([]);
});

describe('a list', () => {
  test('is of the time that is asked, oldest first', async () => {
    const { write, idsOf } = createScene();
    const ids: string[] = [];
    for (let i = 0; i < 9; i += 1) ids.push(await write(at((i * DAY) / 2)));
    expect(await idsOf(NOON, at(4 * DAY))).toEqual(ids);
    expect(await idsOf(at(DAY / 2), at(2 * DAY))).toEqual(ids.slice(1, 5));
    expect(await idsOf(at(1), at(DAY / 2 - 1))).toEqual([]);
    // The first and the last moment of a day.
    expect(await idsOf(at(DAY / 2), at(DAY / 2))).toEqual(ids.slice(1, 2));
  });

  test('goes on page by page, each of them in two questions', async () => {
    const { write, log, queries } = createScene();
    const ids: string[] = [];
    for (let i = 0; i < 2100; i += 1) ids.push(await write(at(i * 100)));
    const seen: string[] = [];
    const pages: number[] = [];
    let after: string | undefined;
    do {
      queries.length = 0;
      const page = await log.list({ since: NOON, until: at(300_000), after });
      seen.push(...page.items.map(({ request_id }) => request_id));
      pages.push(queries.length);
      after = page.next;
      expect('next' in page).toBe(after !== undefined);
    } while (after !== undefined);
    expect(seen).toEqual(ids);
    expect(pages).toEqual([1, 2, 2]);
  });

  test('reads no rows of other days', async () => {
    const { idsOf, queries } = createScene();
    await idsOf(NOON, at(DAY));
    expect(queries).toEqual([
      { partitionAfter: '20261119', partitionBelow: '20261121~', most: 1000 },
    ]);
  });
});

test('a sweep removes whole days that are older than the retention, a thousand rows at a time', async () => {
  const { write, log, idsOf } = createScene();
  for (let i = 0; i < 1001; i += 1) await write(NOON);
  const next = await write(at(DAY / 2));
  expect(await log.sweep(at(AUDIT_DAYS * DAY))).toBe(0);
  const over = at(AUDIT_DAYS * DAY + DAY / 2);
  expect(await log.sweep(over)).toBe(1000);
  expect(await log.sweep(over)).toBe(1);
  expect(await log.sweep(over)).toBe(0);
  expect(await idsOf(NOON, at(DAY))).toEqual([next]);
});
