/**
 * A table in memory that finds rows by partition and key among millions, as Azure's does: Azurite looks through all of them
 * for each question. For the join log only, which puts rows and lists them.
 */
import type { Query, StoredRow, Table } from '../shared/storage/table.ts';

interface Sorted<T> {
  readonly byKey: Map<string, T>;
  /** `undefined` where keys came in since. */
  keys: readonly string[] | undefined;
}

const newSorted = <T>(): Sorted<T> => ({ byKey: new Map(), keys: undefined });

export function createLargeTable(): Table {
  const partitions = newSorted<Sorted<StoredRow>>();
  return {
    read: async (partition, key) => partitions.byKey.get(partition)?.byKey.get(key),
    async list(query) {
      const { partition, partitionAfter, partitionBelow, most = Number.POSITIVE_INFINITY } = query;
      checkKnown(query);
      const found: StoredRow[] = [];
      const some =
        partition === undefined
          ? between(partitions, partitionAfter, partitionBelow)
          : [partitions.byKey.get(partition) ?? newSorted<StoredRow>()];
      for (const rows of some)
        for (const row of between(rows, query.keyAfter, query.keyBelow)) {
          if (found.length >= most) return found;
          found.push(row);
        }
      return found;
    },
    async apply(operations) {
      for (const operation of operations) {
        if (operation.kind !== 'put') throw new Error('the join log puts rows only');
        const { row } = operation;
        const rows = partitions.byKey.get(row.partition) ?? newSorted<StoredRow>();
        if (rows.byKey.size === 0) put(partitions, row.partition, rows);
        put(rows, row.key, { ...row, etag: '*' });
      }
      return true;
    },
  };
}

function put<T>(into: Sorted<T>, key: string, value: T): void {
  into.byKey.set(key, value);
  into.keys = undefined;
}

/** In the order of the keys, from after the one to before the other. */
function* between<T>(from: Sorted<T>, after = '', below?: string): Generator<T> {
  from.keys ??= [...from.byKey.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  const { keys, byKey } = from;
  for (let i = firstAfter(keys, after); i < keys.length; i += 1) {
    const key = keys[i] ?? '';
    const value = byKey.get(key);
    if (below !== undefined && key >= below) return;
    if (value !== undefined) yield value;
  }
}

function firstAfter(keys: readonly string[], after: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? '') > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What the join log does not ask is not built. */
function checkKnown({ below, columns }: Query): void {
  if (below || columns) throw new Error('a question that the join log does not ask');
}
