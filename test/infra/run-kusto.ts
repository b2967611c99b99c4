/**
 * Queries of Kusto, run on rows of our own by duckdb-kql (`pip install --target <folder> duckdb-kql==1.1.2 duckdb==2.0.1
 * pytz==2026.6`, and `PYTHONPATH=<folder>`): what they find, not only what they ask for. What it does not know of the
 * language it refuses.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { textOf } from '../shared/run-program.ts';
import { LOG_TABLES } from './log-tables.ts';

export const hasKusto = spawnSync('python3', ['-c', 'import duckdb, duckdb_kql']).status === 0;
if (!hasKusto && process.env['CI'])
  throw new Error('duckdb-kql is not installed, but tests need it.');

export type LogRow = Readonly<Record<string, unknown>> & { readonly TimeGenerated: string };
export type LogRows = Readonly<Record<string, readonly LogRow[]>>;
export type FoundRow = Readonly<Record<string, unknown>>;

/** What is asked of which rows. */
export interface Scene {
  /** A name among the queries. */
  readonly query: string;
  /** By the names of tables. */
  readonly rows: LogRows;
}

/** What each scene's query finds in its rows at the time `now`, in the order of the scenes. */
export function runKusto(
  queries: Readonly<Record<string, string>>,
  now: Date,
  scenes: readonly Scene[],
): readonly (readonly FoundRow[])[] {
  const question = { tables: LOG_TABLES, queries, now: now.toISOString(), scenes };
  const script = fileURLToPath(new URL('run_kusto.py', import.meta.url));
  return JSON.parse(textOf('python3', [script], { stdin: JSON.stringify(question) }));
}
