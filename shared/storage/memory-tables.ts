/** Tables in memory, for tests and benchmarks: the same promises, nothing that outlives the process. */
import {
  eachTable,
  type Operation,
  operationsProblem,
  type Query,
  type Row,
  type StoredRow,
  type Table,
  type Tables,
} from './table.ts';

export const createMemoryTables = (): Tables => eachTable(() => createMemoryTable());

export function createMemoryTable(): Table {
  const rows = new Map<string, StoredRow>();
  let version = 0;
  const idOf = (partition: string, key: string): string => JSON.stringify([partition, key]);

  function holds(operation: Operation): boolean {
    const { partition, key } = operation.kind === 'remove' ? operation : operation.row;
    const stored = rows.get(idOf(partition, key));
    switch (operation.kind) {
      case 'put':
        return true;
      case 'insert':
        return stored === undefined;
      case 'replace':
      case 'remove':
        return stored !== undefined && (operation.etag === '*' || operation.etag === stored.etag);
    }
  }

  function write(row: Row): void {
    version += 1;
    rows.set(idOf(row.partition, row.key), structuredClone({ ...row, etag: `"${version}"` }));
  }

  return {
    read: async (partition, key) => structuredClone(rows.get(idOf(partition, key))),
    list: async (query) =>
      structuredClone(
        [...rows.values()]
          .filter((row) => matches(row, query))
          .toSorted(inOrder)
          .slice(0, query.most)
          .map((row) => withColumns(row, query.columns)),
      ),
    async apply(operations) {
      const problem = operationsProblem(operations);
      if (problem) throw new Error(problem);
      if (!operations.every(holds)) return false;
      for (const operation of operations) {
        if (operation.kind === 'remove') rows.delete(idOf(operation.partition, operation.key));
        else write(operation.row);
      }
      return true;
    },
  };
}

function matches(
  row: StoredRow,
  { partition, keyAfter, keyBelow, partitionAfter, partitionBelow, below }: Query,
): boolean {
  if (partition !== undefined && row.partition !== partition) return false;
  if (keyAfter !== undefined && row.key <= keyAfter) return false;
  if (keyBelow !== undefined && row.key >= keyBelow) return false;
  if (partitionAfter !== undefined && row.partition <= partitionAfter) return false;
  if (partitionBelow !== undefined && row.partition >= partitionBelow) return false;
  return (
    below === undefined ||
    Number(row.values[below.column] ?? Number.POSITIVE_INFINITY) < below.value
  );
}

const withColumns = (row: StoredRow, columns: readonly string[] | undefined): StoredRow =>
  columns === undefined
    ? row
    : {
        ...row,
        values: Object.fromEntries(
          Object.entries(row.values).filter(([column]) => columns.includes(column)),
        ),
      };

/** As the service sorts: by partition, then by key. */
const inOrder = (a: Row, b: Row): number =>
  a.partition === b.partition ? compare(a.key, b.key) : compare(a.partition, b.partition);

/** No two rows are the same. */
const compare = (a: string, b: string): number => (a < b ? -1 : 1);
