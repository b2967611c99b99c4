/** What somebody can do who may write to the table and has no key, and what shows it. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { deriveLogKey } from '../../../shared/authority/log-key.ts';
import type { LogProblem } from '../../../shared/protocol/join-log-verification.ts';
import type { JoinFacts } from '../../../shared/protocol/join-record.ts';
import { makeRequestId, timeOfRequestId } from '../../../shared/request-id.ts';
import { createJoinLog, type JoinLog } from '../../../shared/storage/join-log.ts';
import { partitionOf } from '../../../shared/storage/join-log-places.ts';
import { seal } from '../../../shared/storage/join-log-seal.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { StoredRow, Table } from '../../../shared/storage/table.ts';
import { verifyJoinLog } from '../../../shared/storage/verify-join-log.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const KEY = deriveLogKey(new Uint8Array(32));
const HOUR = 3600;
const DAY = 24 * HOUR;

const admitted: JoinFacts = { outcome: 'admitted', bot: 'example' };
const denied: JoinFacts = { outcome: 'denied', reason: 'rule_mismatch' };

function scene(table = createMemoryTable()) {
  let time = NOON.getTime();
  const clock = {
    now: () => new Date(time),
    advance: (seconds: number) => {
      time += seconds * 1000;
    },
  };
  const failures: string[] = [];
  const writer = (over: Table = table, key = KEY): JoinLog =>
    createJoinLog({
      table: over,
      later: () => {},
      onFailure: (why) => failures.push(why),
      key: async () => key,
      now: clock.now,
    });
  const record = async (log: JoinLog, facts: JoinFacts = admitted, seconds = 20) => {
    clock.advance(seconds);
    const id = makeRequestId(clock.now());
    await log.record(id, facts);
    await log.flush();
    return id;
  };
  /** As another function instance sees it, which has nothing in memory. */
  async function verify(
    by: JoinLog = writer(),
    since = new Date(clock.now().getTime() - 30 * DAY * 1000),
  ) {
    const problems: LogProblem[] = [];
    let checked = 0;
    for (
      let after: string | undefined = undefined, first = true;
      first || after !== undefined;
      first = false
    ) {
      const page = await by.verify({ since, until: clock.now(), after });
      problems.push(...page.problems);
      checked += page.checked;
      after = page.next;
    }
    return { checked, problems };
  }
  const rowsOf = async (id: string): Promise<readonly StoredRow[]> =>
    (await table.list({})).filter(({ key }) => key === id);
  const remove = async (...rows: readonly (StoredRow | undefined)[]) => {
    for (const row of rows)
      if (row)
        await table.apply([
          { kind: 'remove', partition: row.partition, key: row.key, etag: row.etag },
        ]);
  };
  return { table, clock, failures, writer, record, verify, rowsOf, remove };
}

/** Three function instances that wrote ten attempts each in turn, every third one a refusal. */
async function written() {
  const made = scene();
  const writers = [made.writer(), made.writer(), made.writer()];
  const ids: string[] = [];
  for (let i = 0; i < 30; i += 1) {
    const log = writers[i % 3];
    if (log) ids.push(await made.record(log, i % 3 === 2 || i % 5 === 0 ? denied : admitted));
  }
  for (const log of writers) await log.end();
  return { ...made, writers, ids };
}

test('what several function instances wrote is as it was written', async () => {
  const { verify } = await written();
  expect(await verify()).toEqual({ checked: 30, problems: [] });
});

describe('it shows', () => {
  test.each([0, 4, 15, 29])('that row %i was changed', async (position) => {
    const { table, ids, rowsOf, verify } = await written();
    const id = ids[position] ?? '';
    for (const row of await rowsOf(id)) {
      const json = String(row.values['json']).replace('"bot":"example"', '"bot":"another"');
      const values = { ...row.values, json: json.replace('rule_mismatch', 'locked') };
      await table.apply([{ kind: 'put', row: { ...row, values } }]);
    }
    const { problems } = await verify();
    // Of the last one there is a mark, which names another row.
    const wanted = position === 29 ? ['changed', 'missing'] : ['changed'];
    expect(problems).toEqual(wanted.map((what) => ({ what, request_id: id })));
  });

  test.each([0, 1, 5, 14, 26])('that row %i is gone', async (position) => {
    const { ids, rowsOf, remove, verify } = await written();
    const id = ids[position] ?? '';
    await remove(...(await rowsOf(id)));
    expect((await verify()).problems).toEqual([{ what: 'missing', request_id: id }]);
  });

  test('that many rows in a row are gone', async () => {
    const { ids, rowsOf, remove, verify } = await written();
    for (const id of ids.slice(5, 20)) await remove(...(await rowsOf(id)));
    const { problems } = await verify();
    // The last missing one of each writer: what comes before it is not known any more.
    expect(problems.map(({ what }) => what)).toEqual(['missing', 'missing', 'missing']);
  });

  test('that a refusal was taken out of the list of refusals only', async () => {
    const { ids, rowsOf, remove, verify } = await written();
    const id = ids[5] ?? '';
    const copy = (await rowsOf(id)).find(({ partition }) => partition.startsWith('refused-'));
    await remove(copy);
    expect((await verify()).problems).toEqual([{ what: 'not listed', request_id: id }]);
  });

  /** The refusal of a list, made another one in its place or beside it; and maybe its attempt is gone. */
  test.each<[string, LogProblem['what'], (copy: StoredRow) => Partial<StoredRow>, boolean]>([
    [
      'says something else',
      'not ours',
      ({ values }) => ({ values: { ...values, json: '{}' } }),
      false,
    ],
    [
      'has another seal',
      'not ours',
      ({ values }) => ({ values: { ...values, seal: '[]' } }),
      false,
    ],
    [
      'is in the list of another minute',
      'not ours',
      () => ({ partition: 'refused-20261120T1200' }),
      false,
    ],
    ['was made up', 'not ours', ({ values }) => ({ values: { ...values, json: '{}' } }), true],
    ['is all that is left', 'missing', () => ({}), true],
  ])('that a refusal in the list of refusals %s', async (_, what, change, isGone) => {
    const { table, ids, rowsOf, remove, verify } = await written();
    const id = ids[5] ?? '';
    const isCopy = ({ partition }: StoredRow): boolean => partition.startsWith('refused-');
    const rows = await rowsOf(id);
    const copy = rows.find(isCopy);
    if (!copy) throw new Error('no refusal');
    if (isGone) await remove(...rows.filter((row) => !isCopy(row)));
    await table.apply([{ kind: 'put', row: { ...copy, ...change(copy) } }]);
    const gone = isGone ? [{ what: 'missing', request_id: id }] : [];
    expect((await verify()).problems).toEqual([...gone, { what, request_id: id }]);
  });

  test.each([
    [1, ['missing']],
    [30, ['missing']],
    [31, []],
  ])('that a row is gone after %i days, as long as it is not swept', async (days, expected) => {
    const { writer, record, remove, rowsOf, verify } = scene();
    const log = writer();
    const id = await record(log);
    await record(log, admitted, days * DAY);
    await remove(...(await rowsOf(id)));
    expect((await verify()).problems.map(({ what }) => what)).toEqual(expected);
  });

  test('to the function instance that wrote it that a row is gone of which there is no mark', async () => {
    const { writer, record, remove, rowsOf, verify } = scene();
    const log = writer();
    await record(log);
    const id = await record(log);
    await remove(...(await rowsOf(id)));
    expect((await verify(log)).problems).toEqual([{ what: 'missing', request_id: id }]);
    expect((await verify()).problems).toEqual([]);
  });

  test('a hundred problems at once, and how many there are', async () => {
    const { table, clock } = scene();
    for (let i = 0; i < 150; i += 1) {
      const id = makeRequestId(clock.now());
      const values = { json: '{"outcome":"admitted"}' };
      await table.apply([{ kind: 'put', row: { partition: partitionOf(id), key: id, values } }]);
    }
    const parts = { table, key: KEY, own: undefined, at: NOON };
    const page = await verifyJoinLog({ since: NOON, until: NOON, after: undefined }, parts);
    expect(page.problems).toHaveLength(100);
    expect(page).toMatchObject({ found: 150, checked: 150 });
  });

  test('that a row was made up, or copied to another name', async () => {
    const { table, ids, rowsOf, verify } = await written();
    const [row] = await rowsOf(ids[1] ?? '');
    if (!row) throw new Error('no row');
    const id = (ids[1] ?? '').replace(/.{4}$/, 'ffff');
    const partition = row.partition.replace(/.$/, 'f');
    await table.apply([{ kind: 'put', row: { ...row, key: id, partition } }]);
    expect((await verify()).problems).toEqual([{ what: 'changed', request_id: id }]);
    const { seal: _, ...values } = row.values;
    await table.apply([{ kind: 'put', row: { ...row, key: id, partition, values } }]);
    expect((await verify()).problems).toEqual([{ what: 'not ours', request_id: id }]);
  });

  test.each([
    ['20261120T1200-0', 'x'],
    ['refused-20261120T1200', 'x'],
  ])('that a row has a name that is none, and goes on: %s', async (partition, key) => {
    const { table, ids, rowsOf, remove, verify, writer } = await written();
    await remove(...(await rowsOf(ids[1] ?? '')));
    // Also where its seal names a key that there was.
    const former = { ...deriveLogKey(new Uint8Array(32).fill(1)), until: NOON };
    const values = { json: '{"outcome":"admitted"}', seal: JSON.stringify([former.id, '', null]) };
    await table.apply([{ kind: 'put', row: { partition, key, values } }]);
    const logKey = { ...KEY, former: [former] };
    const { problems } = await verify(writer(undefined, logKey));
    expect(problems).toContainEqual({ what: 'not ours', request_id: key });
    expect(problems).toContainEqual({ what: 'missing', request_id: ids[1] });
  });

  describe('rows that are of no minute', () => {
    const plant = async (table: Table, partition: string, count: number) => {
      for (let i = 0; i < count; i += 1)
        await table.apply([{ kind: 'put', row: { partition, key: `${i}`, values: {} } }]);
    };

    test.each(['20261120T1200-5x', '20261120T12'])('as others are: %s', async (partition) => {
      const { table, ids, rowsOf, remove, verify } = await written();
      await remove(...(await rowsOf(ids[29] ?? '')));
      await plant(table, partition, 999);
      const { checked, problems } = await verify();
      expect(checked).toBe(999 + 29);
      expect(problems).toContainEqual({ what: 'not ours', request_id: '10' });
      expect(problems).toContainEqual({ what: 'missing', request_id: ids[29] });
    });

    test.each(['20261120T12', '20261120T1159~x', '20261120T1159~20261120T1200-5'])(
      'a thousand in a row: %s',
      async (partition) => {
        const { table, verify } = await written();
        await plant(table, partition, 1000);
        await expect(verify()).rejects.toMatchObject({
          code: 'unavailable',
          message: expect.stringContaining('are of no minute: they are not ours'),
        });
      },
    );
  });

  test('that a seal was taken off', async () => {
    const { table, ids, rowsOf, verify } = await written();
    const [row] = await rowsOf(ids[1] ?? '');
    if (!row) throw new Error('no row');
    await table.apply([
      { kind: 'put', row: { ...row, values: { json: String(row.values['json']) } } },
    ]);
    expect((await verify()).problems).toContainEqual({ what: 'not ours', request_id: ids[1] });
  });

  test('that the last row of a living function instance is gone', async () => {
    const { ids, rowsOf, remove, verify, writers } = await written();
    await remove(...(await rowsOf(ids[29] ?? '')));
    const missing = [{ what: 'missing', request_id: ids[29] }];
    // It knows where it was; and each writer's mark says it to the others.
    expect((await verify(writers[2])).problems).toEqual(missing);
    expect((await verify()).problems).toEqual(missing);
  });

  test('that the end was cut off, marks and all, once an anchor was written', async () => {
    const { table, ids, rowsOf, remove, verify, writers, clock } = await written();
    await writers[0]?.anchor(clock.now());
    for (const id of ids.slice(24)) await remove(...(await rowsOf(id)));
    await remove(...(await table.list({ partition: 'writers' })));
    const { problems } = await verify();
    expect(problems.map(({ what }) => what)).toEqual(['missing', 'missing', 'missing']);
  });

  test('that all rows of a function instance are gone, once an anchor was written', async () => {
    const { ids, table, rowsOf, remove, verify, writers, clock } = await written();
    await writers[0]?.anchor(clock.now());
    for (const id of ids.filter((_, i) => i % 3 === 1)) await remove(...(await rowsOf(id)));
    await remove(...(await table.list({ partition: 'writers' })));
    expect((await verify()).problems).toEqual([{ what: 'missing', request_id: ids[28] }]);
  });

  test('that an anchor was changed, or is gone', async () => {
    const { table, remove, record, verify, writers, clock } = await written();
    const [log] = writers;
    for (let i = 0; i < 3 && log; i += 1) {
      await record(log);
      await log.anchor(clock.now());
    }
    const anchors = await table.list({ partition: 'anchors' });
    expect(anchors).toHaveLength(3);
    const [, second] = anchors;
    if (!second) throw new Error('no anchor');
    await table.apply([
      { kind: 'put', row: { ...second, values: { ...second.values, json: '{}' } } },
    ]);
    expect((await verify()).problems.map(({ what }) => what)).toContain('anchor');
    await remove(...(await table.list({ partition: 'anchors' })).slice(1, 2));
    expect((await verify()).problems).toEqual([{ what: 'anchor', name: `anchors/${second.key}` }]);
  });
});

describe('it raises no alarm', () => {
  test('where storage takes a batch and the answer is lost', async () => {
    const table = createMemoryTable();
    const { writer, record, verify, failures } = scene(table);
    let lose = false;
    const log = writer({
      ...table,
      async apply(operations) {
        const done = await table.apply(operations);
        if (!lose) return done;
        throw new Error('the answer was lost');
      },
    });
    await record(log);
    lose = true;
    await record(log);
    await record(log, denied);
    lose = false;
    await record(log);
    expect(failures.length).toBeGreaterThan(0);
    // The refusal that is not tried again is all that lists may leave out.
    const { problems } = await verify();
    expect(problems.filter(({ what }) => what !== 'not listed')).toEqual([]);
  });

  test('where a function instance ends between two batches', async () => {
    const table = createMemoryTable();
    const { writer, record, verify } = scene(table);
    let writes = 0;
    const log = writer({
      ...table,
      async apply(operations) {
        writes += 1;
        if (writes > 3) throw new Error('killed');
        return table.apply(operations);
      },
    });
    for (let i = 0; i < 6; i += 1) await record(log);
    await record(writer());
    expect((await verify()).problems).toEqual([]);
  });

  test('where the oldest days were swept', async () => {
    const { writer, record, verify, clock } = scene();
    const log = writer();
    for (let day = 0; day < 40; day += 1) {
      await record(log, day % 2 === 0 ? admitted : denied, DAY);
      await log.anchor(clock.now());
      await log.sweep(clock.now());
    }
    const { checked, problems } = await verify();
    expect({ checked, problems }).toEqual({ checked: expect.any(Number), problems: [] });
    expect(checked).toBeGreaterThanOrEqual(29);
  });

  test('where an anchor of just after midnight names rows of days that were swept', async () => {
    const { writer, record, verify, clock } = scene();
    const log = writer();
    await record(log, admitted, 11 * HOUR);
    clock.advance(1.5 * HOUR);
    await log.anchor(clock.now());
    const other = writer();
    await record(other);
    clock.advance(30 * DAY - 1200);
    await log.sweep(clock.now());
    expect(await verify()).toEqual({ checked: 1, problems: [] });
  });

  test('where refusals came after the time that is looked at', async () => {
    const { ids, writer, clock } = await written();
    const until = timeOfRequestId(ids[9] ?? '');
    const page = await writer().verify({ since: NOON, until, after: undefined });
    expect(page).toEqual({ checked: expect.any(Number), problems: [], found: 0 });
    expect(page.checked).toBeLessThan(20);
    expect(until < clock.now()).toBe(true);
  });

  test('where a part of the time is looked at', async () => {
    const { verify, clock } = await written();
    const since = new Date(clock.now().getTime() - 200_000);
    const { checked, problems } = await verify(undefined, since);
    expect(problems).toEqual([]);
    expect(checked).toBeGreaterThan(5);
    expect(checked).toBeLessThan(30);
  });
});

test('rows of a data key that was given up are told apart from changed ones', async () => {
  const { writer, record, verify } = scene();
  const id = await record(writer(undefined, deriveLogKey(new Uint8Array(32).fill(1))));
  const { problems } = await verify();
  expect(problems).toContainEqual({ what: 'other key', request_id: id });
});

test('rows of a data key that had a successor are believed, but not where they are of after it', async () => {
  const table = createMemoryTable();
  const { writer, record, verify, clock } = scene(table);
  const before = deriveLogKey(new Uint8Array(32).fill(1));
  const old = writer(undefined, before);
  const first = await record(old);
  const until = new Date(clock.now().getTime() + 60_000);
  const key = { ...KEY, former: [{ ...before, until }] };
  await record(writer(undefined, key));
  expect((await verify(writer(undefined, key))).problems).toEqual([]);

  // Whoever has the old key makes up an attempt.
  const forged = await record(old, admitted, 60);
  const { problems } = await verify(writer(undefined, key));
  expect(problems).toContainEqual({ what: 'other key', request_id: forged });
  expect(problems).not.toContainEqual({ what: 'other key', request_id: first });

  // Nor does it help to put another time into it, or to put it where others are.
  const row = (await table.list({})).find(({ key: id }) => id === forged);
  if (!row) throw new Error('the attempt is not there');
  const json = JSON.stringify({
    ...JSON.parse(String(row.values['json'])),
    time: '2026-11-20T12:00:00Z',
  });
  for (const partition of [row.partition, partitionOf(first)]) {
    const lie = seal({ partition, key: row.key, values: { json } }, undefined, before).row;
    await table.apply([{ kind: 'put', row: lie }]);
    expect((await verify(writer(undefined, key))).problems).toContainEqual({
      what: 'other key',
      request_id: forged,
    });
  }
});

test('the ends that anchors name are read many at once, and not all', async () => {
  const memory = createMemoryTable();
  const { writer, record, clock } = scene(memory);
  for (let i = 0; i < 40; i += 1) {
    const log = writer();
    await record(log);
    await log.anchor(clock.now());
  }
  let [reading, most] = [0, 0];
  const read: Table['read'] = async (...place) => {
    reading += 1;
    most = Math.max(most, reading);
    await setImmediate();
    reading -= 1;
    return memory.read(...place);
  };
  const parts = { table: { ...memory, read }, key: KEY, own: undefined, at: clock.now() };
  const until = clock.now();
  const page = await verifyJoinLog({ since: NOON, until, after: undefined }, parts);
  expect(page).toMatchObject({ checked: 40, problems: [] });
  expect(most).toBe(32);
});

test('a page reads whole minutes, in a bounded number of questions', async () => {
  const memory = createMemoryTable();
  let questions = 0;
  const table: Table = {
    ...memory,
    list: (query) => {
      questions += 1;
      return memory.list(query);
    },
    read: (partition, key) => {
      questions += 1;
      return memory.read(partition, key);
    },
  };
  const { writer, clock } = scene(table);
  const log = writer();
  for (let i = 0; i < 3000; i += 1) {
    await log.record(makeRequestId(clock.now()), i % 100 === 7 ? denied : admitted);
    if (i % 50 === 49) await log.flush();
    clock.advance(0.2);
  }
  const anchor = await log.anchor(clock.now());
  questions = 0;
  const pages: object[] = [];
  let after: string | undefined;
  do {
    const page = await writer().verify({ since: NOON, until: clock.now(), after });
    pages.push(page);
    after = page.next;
  } while (after !== undefined);
  const none = { problems: [], found: 0 };
  expect(pages).toEqual([
    {
      ...none,
      checked: 1200,
      next: '20261120T1203~',
      anchor,
      oldest_anchor: anchor?.key,
      anchors: 1,
    },
    { ...none, checked: 1200, next: '20261120T1207~' },
    { ...none, checked: 600 },
  ]);
  expect(questions).toBeLessThan(60);
});
