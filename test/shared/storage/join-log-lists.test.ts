/** What is read of a join log whose rows are written here one by one, and what is asked of the table for it. */
import { describe, expect, test } from 'vitest';
import { deriveLogKey } from '../../../shared/authority/log-key.ts';
import type { JoinRecord } from '../../../shared/protocol/join-record.ts';
import { makeRequestId } from '../../../shared/request-id.ts';
import { indexDayRow, indexRowsOf, prefixesOf } from '../../../shared/storage/join-log-index.ts';
import { writeLast } from '../../../shared/storage/join-log-last.ts';
import {
  findJoin,
  type JoinListQuery,
  listJoins,
  listJoinsOf,
  sweepJoins,
} from '../../../shared/storage/join-log-lists.ts';
import { partitionOf, refusalsOf } from '../../../shared/storage/join-log-places.ts';
import { seal } from '../../../shared/storage/join-log-seal.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, Table } from '../../../shared/storage/table.ts';
import { askedTable } from './asked-table.ts';

const KEY = deriveLogKey(new Uint8Array(32));
const NOON = new Date('2026-11-20T12:00:00Z');
const DAY = 24 * 3600;
const VM = '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11';
const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

const put = (table: Table, ...rows: readonly Row[]) =>
  Promise.all(rows.map((row) => table.apply([{ kind: 'put', row }])));

const recordOf = (id: string, facts: Partial<JoinRecord>): JoinRecord => ({
  request_id: id,
  time: '2026-11-20T12:00:00Z',
  outcome: 'admitted',
  ...facts,
});

/** Writes an attempt as the join log does: its row, a refusal's second one, and what finds it. */
async function write(table: Table, time: Date, facts: Partial<JoinRecord> = {}, part = 0) {
  const id = makeRequestId(time);
  const record = recordOf(id, facts);
  const values = { json: JSON.stringify(record) };
  const { row } = seal({ partition: partitionOf(id), key: id, values }, undefined, KEY);
  const { request_id: _, time: __, ...known } = record;
  await put(
    table,
    row,
    ...(record.outcome === 'admitted' ? [] : [{ ...row, partition: refusalsOf(id) }]),
    ...indexRowsOf(row, prefixesOf(known), part),
    indexDayRow(time.toISOString().slice(0, 10).replaceAll('-', '')),
  );
  return id;
}
const idsOf = ({ items }: { readonly items: readonly JoinRecord[] }): string[] =>
  items.map(({ request_id }) => request_id);

const ALL: JoinListQuery = { since: NOON, until: at(3600), after: undefined, refusedOnly: false };

describe('an attempt', () => {
  test('is found by its id, in one question', async () => {
    const table = createMemoryTable();
    const id = await write(table, NOON, { vm_id: VM });
    expect(await findJoin(table, id)).toEqual(recordOf(id, { vm_id: VM }));
    expect(await findJoin(table, makeRequestId(NOON))).toBeUndefined();
  });

  test.each(['{', '{}', 'null'])('of which the row says %s is none', async (json) => {
    const table = createMemoryTable();
    const id = makeRequestId(NOON);
    await put(table, { partition: partitionOf(id), key: id, values: { json } });
    expect(await findJoin(table, id)).toBeUndefined();
    expect(await listJoins(table, ALL)).toEqual({ items: [] });
  });
});

describe('a list', () => {
  test('has the attempts of its time, oldest first, and reads minutes of no other', async () => {
    const { table, queries } = askedTable();
    const times = [-60, -0.001, 0, 59, 60, 119.999, 120, 120.001, 180];
    const ids: string[] = [];
    for (const seconds of times.toReversed())
      ids.unshift(await write(table, at(seconds), { outcome: 'denied' }));
    const page = await listJoins(table, { ...ALL, until: at(120) });
    expect(idsOf(page)).toEqual(ids.slice(2, 7));
    expect(page).not.toHaveProperty('next');
    expect(queries).toEqual([
      { partitionAfter: '20261120T120/~', partitionBelow: '20261120T1202~', most: 1000 },
    ]);
  });

  test('is in order over all partitions of a minute', async () => {
    const table = createMemoryTable();
    const ids = [0, 1, 2, 3].map((n) => makeRequestId(at(n)).slice(0, -1) + (n % 2 ? '0' : 'f'));
    for (const id of ids) {
      const values = { json: JSON.stringify(recordOf(id, {})) };
      await put(table, { partition: partitionOf(id), key: id, values });
    }
    expect(idsOf(await listJoins(table, ALL))).toEqual(ids);
  });

  test('of refusals reads the rows of refusals alone', async () => {
    const { table, queries } = askedTable();
    await write(table, NOON);
    const refused = [
      await write(table, at(1), { outcome: 'denied' }),
      await write(table, at(61), { outcome: 'failed' }),
    ];
    expect(idsOf(await listJoins(table, { ...ALL, until: at(90), refusedOnly: true }))).toEqual(
      refused,
    );
    expect(queries).toEqual([
      {
        partitionAfter: 'refused-20261120T120/~',
        partitionBelow: 'refused-20261120T1201~',
        most: 1000,
      },
    ]);
  });

  test.each([false, true])(
    'goes on after a request, in the minute where the page before ended: refusals %s',
    async (refusedOnly) => {
      const { table, queries } = askedTable();
      const ids: string[] = [];
      for (let i = 0; i < 6; i += 1)
        ids.push(await write(table, at(i * 20), { outcome: 'denied' }));
      const after = ids[1] ?? '';
      const page = await listJoins(table, { ...ALL, after, refusedOnly });
      expect(idsOf(page)).toEqual(ids.slice(2));
      expect(queries[0]).toEqual({
        partition: refusedOnly ? refusalsOf(after) : partitionOf(after),
        keyAfter: after,
        most: 1000,
      });
    },
  );

  test('names the last of a thousand', async () => {
    const table = createMemoryTable();
    const rows = Array.from({ length: 1001 }, (_, i): Row => {
      const id = makeRequestId(at(i / 1000));
      return {
        partition: partitionOf(id),
        key: id,
        values: { json: JSON.stringify(recordOf(id, {})) },
      };
    });
    await put(table, ...rows);
    const { items, next } = await listJoins(table, ALL);
    expect(items).toHaveLength(1000);
    expect(next).toBe(rows[999]?.key);
  });
});

describe('what the index finds', () => {
  const BOT = { by: 'bot', value: 'robot' } as const;
  const MACHINE = { by: 'machine', value: VM } as const;
  const facts = { vm_id: VM, bot: 'robot' };
  const reads = (table: Table) => {
    let count = 0;
    const read: Table['read'] = (...place) => {
      count += 1;
      return table.read(...place);
    };
    return { table: { ...table, read }, count: () => count };
  };

  test('are the attempts of one machine, each read; those of one bot are copies', async () => {
    const { table, count } = reads(createMemoryTable());
    const own = [await write(table, NOON, facts, 3), await write(table, at(1), facts, 1)];
    await write(table, at(2), { vm_id: makeRequestId(NOON), bot: 'other' });
    expect(idsOf(await listJoinsOf(table, { ...ALL, of: BOT }, KEY))).toEqual(own);
    expect(count()).toBe(0);
    expect(idsOf(await listJoinsOf(table, { ...ALL, of: MACHINE }, KEY))).toEqual(own);
    expect(count()).toBe(2);
  });

  test('is no copy that is not as it was sealed, or by another key: the attempt is asked', async () => {
    const { table, count } = reads(createMemoryTable());
    const id = await write(table, NOON, facts);
    const [copy] = (await table.list({})).filter(({ key }) => key.startsWith('bot-'));
    if (!copy) throw new Error('there is no copy');
    const other = deriveLogKey(new Uint8Array(32).fill(1));
    expect(idsOf(await listJoinsOf(table, { ...ALL, of: BOT }, other))).toEqual([id]);
    expect(count()).toBe(1);
    const json = String(copy.values['json']).replace('admitted', 'denied');
    await put(table, { ...copy, values: { ...copy.values, json } });
    const { items } = await listJoinsOf(table, { ...ALL, of: BOT }, KEY);
    expect(items).toEqual([recordOf(id, facts)]);
    expect(count()).toBe(2);
  });

  test('whose attempt is gone is left out', async () => {
    const table = createMemoryTable();
    const id = await write(table, NOON, facts);
    const row = await table.read(partitionOf(id), id);
    if (row) await table.apply([{ kind: 'remove', ...row }]);
    expect(await listJoinsOf(table, { ...ALL, of: MACHINE }, KEY)).toEqual({ items: [] });
  });

  test('is of the time that is asked, to the millisecond, and after a request', async () => {
    const table = createMemoryTable();
    const ids: string[] = [];
    for (const seconds of [-0.001, 0, 10, 20, 20.001])
      ids.push(await write(table, at(seconds), facts));
    const list = (more: Partial<JoinListQuery> = {}) =>
      listJoinsOf(table, { ...ALL, until: at(20), ...more, of: MACHINE }, KEY);
    expect(idsOf(await list())).toEqual(ids.slice(1, 4));
    expect(idsOf(await list({ after: ids[1] }))).toEqual(ids.slice(2, 4));
    expect(idsOf(await list({ after: ids[0] }))).toEqual(ids.slice(1, 4));
  });

  test('is asked of the days of its time that there are, four questions each', async () => {
    const { table, queries } = askedTable();
    const ids: string[] = [];
    for (const day of [0, 1, 3, 4]) ids.push(await write(table, at(day * DAY), facts));
    const query = { ...ALL, since: at(DAY), until: at(3 * DAY), of: MACHINE };
    expect(idsOf(await listJoinsOf(table, query, KEY))).toEqual(ids.slice(1, 3));
    const partitions = queries.map(({ partition }) => partition);
    expect(partitions).toEqual([
      'index-days',
      ...['20261121', '20261123'].flatMap((day) => [0, 1, 2, 3].map((n) => `index-${day}-${n}`)),
    ]);
    expect(queries[1]).toMatchObject({ most: 200 });
    queries.length = 0;
    await listJoinsOf(table, { ...query, after: ids[2] }, KEY);
    expect(queries).toHaveLength(1 + 4);
  });

  test('comes two hundred at a time, from all parts of a day, and no day more is asked', async () => {
    const { table, queries } = askedTable();
    const ids: string[] = [];
    const query = { ...ALL, until: at(DAY), of: MACHINE };
    for (let i = 0; i < 200; i += 1) ids.push(await write(table, at(i), facts, i % 4));
    const later = await write(table, at(DAY), facts);
    expect(await listJoinsOf(table, query, KEY)).toMatchObject({ next: ids[199] });
    expect(queries.splice(0)).toHaveLength(1 + 4);
    ids.push(await write(table, at(200), facts));
    const first = await listJoinsOf(table, query, KEY);
    expect([idsOf(first), first.next]).toEqual([ids.slice(0, 200), ids[199]]);
    expect(queries).toHaveLength(1 + 4);
    const second = await listJoinsOf(table, { ...query, after: first.next }, KEY);
    expect(idsOf(second)).toEqual([ids[200], later]);
    expect(second).not.toHaveProperty('next');
  });

  test.each([
    [
      'a resource id, by the name in it',
      `/x/virtualMachines/VM-a`,
      { resource_id: '/x/virtualMachines/vm-A' },
    ],
    [
      'an ARN, as a whole',
      'ARN:aws:sts::1:assumed-role/role/i-1',
      { aws_arn: 'arn:aws:sts::1:assumed-role/role/i-1' },
    ],
  ])('is of a machine that is named by %s', async (_, value, known) => {
    const table = createMemoryTable();
    const id = await write(table, NOON, known);
    const of = { by: 'machine', value } as const;
    expect(idsOf(await listJoinsOf(table, { ...ALL, of }, KEY))).toEqual([id]);
  });

  test('is of a join token by its whole name', async () => {
    const table = createMemoryTable();
    const id = await write(table, NOON, { join_token: 'a/b' });
    const of = { by: 'token', value: 'a/b' } as const;
    expect(idsOf(await listJoinsOf(table, { ...ALL, of }, KEY))).toEqual([id]);
  });
});

describe('a sweep', () => {
  const now = () => at(31 * DAY);

  test('removes the rows of days before the last thirty, and no others', async () => {
    const table = createMemoryTable();
    const facts = { outcome: 'denied', vm_id: VM } as const;
    for (const day of [-1, 0, 1, 2]) await write(table, at(day * DAY), facts);
    const last = { partition: 'p', key: 'k', mac: 'mac' };
    await writeLast({ table, key: async () => KEY }, 'w', last, at(31 * DAY));
    // Of each: the attempt, the refusal, the index, and the day.
    expect(await sweepJoins(table, at(31 * DAY), now)).toBe(8);
    const left = (await table.list({})).map(({ partition, key }) =>
      partition === 'index-days' ? `day ${key}` : partition.replace(/-.$/, ''),
    );
    expect(left).toEqual([
      '20261121T1200',
      '20261122T1200',
      'index-20261121',
      'index-20261122',
      'day 20261121',
      'day 20261122',
      'refused-20261121T1200',
      'refused-20261122T1200',
      'writers',
    ]);
    expect(await sweepJoins(table, at(31 * DAY), now)).toBe(0);
  });

  test('asks once for attempts where there is nothing to remove', async () => {
    const { table, queries } = askedTable();
    await write(table, NOON);
    expect(await sweepJoins(table, at(DAY), now)).toBe(0);
    expect(queries).toEqual([{ partitionBelow: '20261022', most: 5000 }]);
  });

  describe('reads five thousand rows at once:', () => {
    const FULL = 5000;
    const sweptAt = at(31 * DAY);

    /** Lists of these lengths, one for each round. The clock moves by so many seconds with each. */
    async function sweepOf(
      attempts: readonly number[],
      { refusals = [] as readonly number[], seconds = 0 } = {},
    ) {
      const asked = { attempts: 0, anchors: 0, refusals: 0 };
      let removed = 0;
      const rows = (length = 0) =>
        Array.from({ length }, (_, i) => ({ partition: 'p', key: `${i}`, etag: '', values: {} }));
      const table: Table = {
        read: async () => undefined,
        list: async ({ partition, partitionAfter }) => {
          if (partition === 'anchors') asked.anchors += 1;
          if (partition !== undefined) return [];
          if (partitionAfter === 'refused-') return rows(refusals[asked.refusals++]);
          if (partitionAfter !== undefined) return [];
          if (asked.attempts > 200) throw new Error('the sweep does not end');
          return rows(attempts[Math.min(asked.attempts++, attempts.length - 1)]);
        },
        apply: async (operations) => {
          removed += operations.length;
          return true;
        },
      };
      const clock = () => new Date(sweptAt.getTime() + asked.attempts * seconds * 1000);
      expect(await sweepJoins(table, sweptAt, clock)).toBe(removed);
      return { ...asked, removed };
    }

    test.each<[string, readonly number[], object, object]>([
      ['fewer are all of them', [4999], {}, { attempts: 1, removed: 4999 }],
      ['of as many there may be more', [FULL, 0], {}, { attempts: 2, removed: FULL }],
      [
        'refusals go first, and attempts once there are fewer than that of them',
        [7],
        { refusals: [FULL, 4999] },
        { attempts: 2, removed: FULL + 4999 + 7 },
      ],
      ['without an end it stops after 120 rounds', [FULL], {}, { attempts: 120 }],
      ['it goes on for three minutes', [FULL], { seconds: 60 }, { attempts: 4 }],
      ['and not after them', [FULL], { seconds: 181 }, { attempts: 1, removed: FULL }],
    ])('%s', async (_, attempts, more, expected) => {
      expect(await sweepOf(attempts, more)).toMatchObject({ ...expected, anchors: 1 });
    });
  });
});
