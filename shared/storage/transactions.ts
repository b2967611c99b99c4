/** What goes into one transaction: rows of one partition, at most a hundred. */
import { MOST_IN_TRANSACTION, type Operation, type StoredRow, type Table } from './table.ts';

/** Everything, in parts that a transaction takes. */
export function transactionsOf<T>(items: readonly T[], partitionOf: (item: T) => string): T[][] {
  const partitions = Map.groupBy(items, partitionOf);
  return [...partitions.values()].flatMap((all) => chunksOf(all, MOST_IN_TRANSACTION));
}

/** Removes these rows, those of a partition together. */
export async function removeRows(table: Table, rows: readonly StoredRow[]): Promise<void> {
  for (const part of transactionsOf(rows, ({ partition }) => partition)) {
    const removals = part.map(
      ({ partition, key, etag }): Operation => ({ kind: 'remove', partition, key, etag }),
    );
    await table.apply(removals);
  }
}

export const chunksOf = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
