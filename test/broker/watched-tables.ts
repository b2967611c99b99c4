/** Tables in memory that count what is asked of them, and fail in the ways in which storage does. */
import { unavailable } from '../../shared/refusal.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import { eachTable, type Table, type TableName, type Tables } from '../../shared/storage/table.ts';

export type TableFault =
  /** Nothing is answered. */
  | 'down'
  /** A write is done, and its answer is lost. */
  | 'answer_lost'
  /** A write is done, its answer is lost, and the SDK's own second try meets the first. */
  | 'tried_twice';

export interface WatchedTables {
  readonly tables: Tables;
  /** Reads, lists and writes of a table so far. */
  count(table: TableName): number;
  fail(table: TableName, fault: TableFault): void;
  heal(): void;
}

export function watchTables(): WatchedTables {
  const memory = createMemoryTables();
  const counts = new Map<TableName, number>();
  const faults = new Map<TableName, TableFault>();

  async function ask<T>(name: TableName, question: () => Promise<T>): Promise<T> {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (faults.get(name) === 'down') throw unavailable('storage can not be asked now');
    return question();
  }

  const watch = (name: TableName): Table => ({
    read: (partition, key) => ask(name, () => memory[name].read(partition, key)),
    list: (query) => ask(name, () => memory[name].list(query)),
    apply: (operations) =>
      ask(name, async () => {
        const done = await memory[name].apply(operations);
        if (faults.get(name) === 'answer_lost') throw unavailable('storage can not be asked now');
        return faults.get(name) === 'tried_twice' ? false : done;
      }),
  });

  return {
    tables: eachTable(watch),
    count: (name) => counts.get(name) ?? 0,
    fail: (name, fault) => void faults.set(name, fault),
    heal: () => faults.clear(),
  };
}
