import { describe, expect, test } from 'vitest';
import { deriveLogKey } from '../../../shared/authority/log-key.ts';
import {
  readAnchors,
  sweepAnchors,
  writeAnchor,
} from '../../../shared/storage/join-log-anchors.ts';
import { writeLast } from '../../../shared/storage/join-log-last.ts';
import { seal } from '../../../shared/storage/join-log-seal.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { StoredRow } from '../../../shared/storage/table.ts';
import { askedTable } from './asked-table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const HOUR = 3600;
const DAY = 24 * HOUR;
const KEY = deriveLogKey(new Uint8Array(32));
const OTHER = deriveLogKey(new Uint8Array(32).fill(1));

const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const last = (key: string) => ({ partition: '20261120T1200-0', key, mac: `mac of ${key}` });

function createScene() {
  const table = createMemoryTable();
  const parts = { table, key: async () => KEY };
  const mark = (writer: string, row: string, time = NOON, key = KEY) =>
    writeLast({ table, key: async () => key }, writer, last(row), time);
  const anchor = (time: Date) => writeAnchor(parts, time);
  const anchorRows = () => table.list({ partition: 'anchors' });
  const ends = (time = at(4 * HOUR)) => readAnchors(table, KEY, time);
  const namesOf = async () => (await ends()).expected.map(({ key }) => key).toSorted();
  const change = (row: StoredRow | undefined, json: string) =>
    table.apply(row ? [{ kind: 'put', row: { ...row, values: { ...row.values, json } } }] : []);
  const remove = async (...rows: readonly (StoredRow | undefined)[]) => {
    for (const row of rows)
      if (row) await table.apply([{ kind: 'remove', etag: '*', ...pick(row) }]);
  };
  return { table, mark, anchor, anchorRows, ends, namesOf, change, remove };
}
const pick = ({ partition, key }: StoredRow) => ({ partition, key });

describe('an anchor', () => {
  test('is not there before anybody wrote anything', async () => {
    const { anchor, ends } = createScene();
    expect(await anchor(NOON)).toBeUndefined();
    expect(await ends()).toEqual({
      oldest: undefined,
      times: 0,
      newest: undefined,
      expected: [],
      wrong: [],
    });
  });

  test('names the last rows of all writers, whatever becomes of their own marks', async () => {
    const { table, mark, anchor, ends, remove } = createScene();
    for (const n of [1, 2, 3]) await mark(`w${n}`, `row-${n}`);
    const made = await anchor(at(HOUR));
    expect(made).toEqual({
      key: '2026-11-20T13:00:00Z-0',
      mac: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    await remove(...(await table.list({ partition: 'writers' })));
    expect(await ends()).toEqual({
      oldest: made?.key,
      times: 1,
      newest: made,
      expected: [1, 2, 3].map((n) => last(`row-${n}`)),
      wrong: [],
    });
  });

  test('has the time and the rows in its JSON, and the anchor before it in its seal', async () => {
    const { mark, anchor, anchorRows } = createScene();
    await mark('w1', 'row-1');
    const first = await anchor(NOON);
    await anchor(at(HOUR));
    const [one, two] = await anchorRows();
    const json = JSON.stringify({ time: '2026-11-20T12:00:00Z', last: [last('row-1')] });
    expect(one?.values['json']).toBe(json);
    expect(JSON.parse(String(two?.values['seal'])).at(-1)).toEqual([
      'anchors',
      first?.key,
      first?.mac,
    ]);
  });

  test.each([
    ['a little less than two hours ago', 2 * HOUR - 1, ['row-1']],
    ['two hours ago: older anchors name it', 2 * HOUR, undefined],
  ])('names who wrote %s', async (_, seconds, expected) => {
    const { table, mark, anchor, namesOf, remove } = createScene();
    await mark('w1', 'row-1');
    const made = await anchor(at(seconds));
    await remove(...(await table.list({ partition: 'writers' })));
    expect(made && (await namesOf())).toEqual(expected);
  });

  test('names nothing that somebody made up who has no key', async () => {
    const { mark, anchor, table, change, namesOf, ends } = createScene();
    await mark('w1', 'row-1');
    await mark('w2', 'row-2', NOON, OTHER);
    await mark('w3', 'row-3');
    const [, , third] = await table.list({ partition: 'writers' });
    await change(third, JSON.stringify({ time: '2026-11-20T12:00:00Z', last: last('made up') }));
    await anchor(NOON);
    expect(await namesOf()).toEqual(['row-1']);
    expect((await ends()).wrong).toEqual(['writers/w2', 'writers/w3']);
  });

  test.each([
    [100, [100]],
    [201, [100, 100, 1]],
  ])(
    'of %i writers is as many as rows have room for, each naming the one before it',
    async (count, sizes) => {
      const { table, mark, anchor, anchorRows, ends, namesOf, remove } = createScene();
      const names = Array.from({ length: count }, (_, i) => `row-${String(i).padStart(3, '0')}`);
      for (const name of names) await mark(name, name);
      const made = await anchor(NOON);
      expect(made?.key).toBe(`2026-11-20T12:00:00Z-${sizes.length - 1}`);
      const rows = await anchorRows();
      expect(rows.map(({ values }) => JSON.parse(String(values['json'])).last.length)).toEqual(
        sizes,
      );
      await remove(...(await table.list({ partition: 'writers' })));
      expect(await namesOf()).toEqual(names);
      await remove(rows.at(-2));
      expect((await ends()).wrong).toEqual(
        rows.length > 1 ? ['anchors/2026-11-20T12:00:00Z-1'] : [],
      );
    },
  );

  test('is made of marks and of the anchor before it: nothing else is read', async () => {
    const { table, mark } = createScene();
    await mark('w1', 'row-1');
    const { table: asked, queries } = askedTable(table);
    await writeAnchor({ table: asked, key: async () => KEY }, NOON);
    expect(queries).toEqual([{ partition: 'writers' }, { partition: 'anchors' }]);
  });
});

describe('what anchors and marks say there must be', () => {
  async function hourly(hours: number) {
    const scene = createScene();
    for (let hour = 0; hour < hours; hour += 1) {
      await scene.mark('w1', `row-${hour}`, at(hour * HOUR));
      await scene.anchor(at(hour * HOUR));
    }
    return { ...scene, rows: await scene.anchorRows() };
  }

  test('are the rows that each of them names, once', async () => {
    const { mark, namesOf, ends } = await hourly(3);
    await mark('w2', 'row-9');
    expect(await namesOf()).toEqual(['row-0', 'row-1', 'row-2', 'row-9']);
    expect((await ends()).newest?.key).toBe('2026-11-20T14:00:00Z-0');
  });

  test.each([
    ['one in the middle', [1], ['anchors/2026-11-20T13:00:00Z-0']],
    ['two in the middle: the last one is named', [1, 2], ['anchors/2026-11-20T14:00:00Z-0']],
    ['the oldest', [0], ['anchors/2026-11-20T12:00:00Z-0']],
    ['the two oldest', [0, 1], ['anchors/2026-11-20T13:00:00Z-0']],
  ])('is wrong, where anchors are gone: %s', async (_, gone, wrong) => {
    const { rows, remove, ends } = await hourly(4);
    await remove(...gone.map((n) => rows[n]));
    expect((await ends()).wrong).toEqual(wrong);
  });

  test.each([
    ['it is not over: as long as clocks may differ', 30 * DAY - 301, 1],
    ['it was swept', 30 * DAY - 299, 0],
  ])('is not wrong, where the oldest anchor is gone because %s', async (_, age, wrong) => {
    const { rows, remove, ends } = await hourly(3);
    await remove(rows[0]);
    expect((await ends(at(age))).wrong).toHaveLength(wrong);
  });

  test('are nothing, where all anchors are gone: the oldest one tells', async () => {
    const { rows, remove, mark, anchor, ends } = await hourly(3);
    expect((await ends()).oldest).toBe('2026-11-20T12:00:00Z-0');
    await remove(...rows);
    await mark('w1', 'row-9', at(3 * HOUR));
    await anchor(at(3 * HOUR));
    expect(await ends()).toMatchObject({ wrong: [], oldest: '2026-11-20T15:00:00Z-0' });
  });

  test('are fewer, where anchors are gone before the next one is written: their number tells', async () => {
    const { rows, remove, mark, anchor, ends } = await hourly(3);
    expect((await ends()).times).toBe(3);
    await remove(...rows.slice(1));
    await mark('w1', 'row-9', at(3 * HOUR));
    await anchor(at(3 * HOUR));
    const oldest = '2026-11-20T12:00:00Z-0';
    expect(await ends()).toMatchObject({ wrong: [], oldest, times: 2 });
  });

  test('are counted once for each time, however many anchors there were room for', async () => {
    const { mark, anchor, ends } = createScene();
    for (let i = 0; i < 101; i += 1) await mark(`w${i}`, `row-${i}`);
    await anchor(NOON);
    await anchor(at(HOUR));
    expect((await ends()).times).toBe(2);
  });

  test.each(['anchors', 'writers'])(
    'is wrong, where one of the %s was changed',
    async (partition) => {
      const { table, change, ends } = await hourly(1);
      const [row] = await table.list({ partition });
      await change(row, '{}');
      const { wrong, expected } = await ends();
      expect(wrong).toEqual([`${partition}/${row?.key}`]);
      expect(expected).toEqual([last('row-0')]);
    },
  );

  test('is nothing, where a sealed row is of no form that is known', async () => {
    const { table, ends, anchor } = createScene();
    for (const partition of ['anchors', 'writers']) {
      const { row } = seal({ partition, key: 'x', values: { json: '{}' } }, undefined, KEY);
      await table.apply([{ kind: 'put', row }]);
    }
    expect(await ends()).toMatchObject({ expected: [], wrong: [] });
    expect(await anchor(NOON)).toBeUndefined();
  });
});

test('a sweep removes anchors and marks of before a time, and what has none', async () => {
  const { table, mark, anchor } = createScene();
  await mark('w1', 'row-1');
  await anchor(NOON);
  await mark('w2', 'row-2', at(1));
  await anchor(at(1));
  const row = { partition: 'writers', key: 'w3', values: { json: '{}' } };
  await table.apply([{ kind: 'put', row }]);
  await table.apply([{ kind: 'put', row: { ...row, partition: '20261120T1200-0' } }]);
  expect(await sweepAnchors(table, at(1))).toBe(3);
  expect((await table.list({})).map(({ partition, key }) => `${partition}/${key}`)).toEqual([
    '20261120T1200-0/w3',
    'anchors/2026-11-20T12:00:01Z-0',
    'writers/w2',
  ]);
});
