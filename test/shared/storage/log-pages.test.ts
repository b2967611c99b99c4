import { expect, test } from 'vitest';
import { makeRequestId } from '../../../shared/request-id.ts';
import { dayOf, isWithin, readPage } from '../../../shared/storage/log-pages.ts';
import type { Operation } from '../../../shared/storage/table.ts';
import { askedTable } from './asked-table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

/** Rows of partitions `a`, `b`, …, as many as are said of each; and what is asked of them. */
async function tableOf(...counts: readonly number[]) {
  const { table, queries } = askedTable();
  for (const [n, count] of counts.entries()) {
    const partition = String.fromCharCode('a'.charCodeAt(0) + n);
    const keys = Array.from({ length: count }, (_, i) => String(i).padStart(4, '0'));
    for (let i = 0; i < count; i += 100)
      await table.apply(
        keys.slice(i, i + 100).map(
          (key): Operation => ({
            kind: 'put',
            row: { partition, key, values: {} },
          }),
        ),
      );
  }
  return { table, queries };
}
const range = { partitionAfter: 'a', partitionBelow: 'd' };

test.each<[string, readonly number[], string | undefined, number, string | undefined, number]>([
  ['the partitions of its time', [3, 4, 5, 6], undefined, 9, undefined, 1],
  ['no more than 1,000 rows', [0, 600, 600], undefined, 1000, '0399', 1],
  ['a last page of just as many', [0, 999, 1], undefined, 1000, '0000', 1],
  ['nothing', [9], undefined, 0, undefined, 1],
  ['what comes after a row, and the next partitions', [0, 5, 5], '0002', 7, undefined, 2],
  ['what comes after a row, as far as there is room', [0, 1001, 5], '0002', 1000, '0001', 2],
  ['the rest of a partition alone, where that is full', [0, 1300, 5], '0002', 1000, '1002', 1],
])('a page has %s', async (_, counts, key, length, next, questions) => {
  const { table, queries } = await tableOf(...counts);
  const after = key === undefined ? undefined : { partition: 'b', key };
  const page = await readPage(table, { ...range, after });
  expect(page.rows).toHaveLength(length);
  expect(page.next).toBe(next);
  expect(queries).toHaveLength(questions);
});

test('a day is one of UTC', () => {
  expect(dayOf(new Date('2026-11-20T23:59:59Z'))).toBe('20261120');
});

test.each([
  [-1, false],
  [0, true],
  [1000, true],
  [1001, false],
])('a row of %i ms after the beginning of a second is of it: %s', (ms, expected) => {
  const key = makeRequestId(new Date(NOON.getTime() + ms));
  const until = new Date(NOON.getTime() + 1000);
  expect(isWithin({ key }, { since: NOON, until })).toBe(expected);
});
