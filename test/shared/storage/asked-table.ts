import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Query, Table } from '../../../shared/storage/table.ts';

/** A table, and the lists that are asked of it. */
export function askedTable(of: Table = createMemoryTable()) {
  const queries: Query[] = [];
  const list: Table['list'] = (query) => {
    queries.push(query);
    return of.list(query);
  };
  return { table: { ...of, list } satisfies Table, queries };
}
