import { expect, test } from 'vitest';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Operation } from '../../../shared/storage/table.ts';
import { chunksOf, removeRows, transactionsOf } from '../../../shared/storage/transactions.ts';

test('a transaction has rows of one partition, and at most a hundred', () => {
  const rows = Array.from({ length: 250 }, (_, i) => ({ partition: i % 2 === 0 ? 'p' : 'q', i }));
  const parts = transactionsOf(rows, ({ partition }) => partition);
  expect(parts.map((part) => part.length)).toEqual([100, 25, 100, 25]);
  for (const part of parts) expect(new Set(part.map(({ partition }) => partition)).size).toBe(1);
  expect(parts.flat().toSorted((a, b) => a.i - b.i)).toEqual(rows);
});

test('parts have their size, and the last one what is left', () => {
  expect(chunksOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunksOf([1, 2], 2)).toEqual([[1, 2]]);
  expect(chunksOf([], 2)).toEqual([]);
});

test('rows are removed, those of a partition together, and none that has changed', async () => {
  const table = createMemoryTable();
  const sizes: number[] = [];
  const put = (partition: string, key: string): Operation => ({
    kind: 'put',
    row: { partition, key, values: {} },
  });
  for (const key of ['1', '2']) for (const p of ['p', 'q']) await table.apply([put(p, key)]);
  const rows = await table.list({});
  await table.apply([put('q', '1')]);
  const watched = {
    ...table,
    apply: (operations: readonly Operation[]) => {
      sizes.push(operations.length);
      return table.apply(operations);
    },
  };
  await removeRows(watched, rows);
  expect(sizes).toEqual([2, 2]);
  expect((await table.list({})).map(({ partition }) => partition)).toEqual(['q', 'q']);
});
