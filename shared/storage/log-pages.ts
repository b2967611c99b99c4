/** What logs have in common whose partitions sort by time, and whose rows have request ids for keys. */
import { timeOfRequestId } from '../request-id.ts';
import type { StoredRow, Table } from './table.ts';

export interface PageQuery {
  /** Where the page before ended; `partition` and `key` of its last row. */
  readonly after: { readonly partition: string; readonly key: string } | undefined;
  /** The partitions of the time that is asked for sort after and below these. */
  readonly partitionAfter: string;
  readonly partitionBelow: string;
}

const MOST_LISTED = 1000;

/**
 * What at most 1,000 rows say, in two questions to storage: the rest of the partition where the page before ended, and those
 * after it. `next` is the last row's key where there may be more.
 */
export async function readPage(
  table: Table,
  { after, partitionAfter, partitionBelow }: PageQuery,
): Promise<{ readonly rows: readonly StoredRow[]; readonly next: string | undefined }> {
  const rows: StoredRow[] = [];
  if (after) {
    const rest = { partition: after.partition, keyAfter: after.key, most: MOST_LISTED };
    rows.push(...(await table.list(rest)));
  }
  if (rows.length < MOST_LISTED) {
    const range = {
      partitionAfter: after?.partition ?? partitionAfter,
      partitionBelow,
      most: MOST_LISTED - rows.length,
    };
    rows.push(...(await table.list(range)));
  }
  return { rows, next: rows.length === MOST_LISTED ? rows.at(-1)?.key : undefined };
}

/** A day in UTC, as partitions begin. */
export const dayOf = (time: Date): string => time.toISOString().slice(0, 10).replaceAll('-', '');

/** Whether the request that a row is of came in this time. */
export function isWithin(
  { key }: Pick<StoredRow, 'key'>,
  { since, until }: { readonly since: Date; readonly until: Date },
): boolean {
  const time = timeOfRequestId(key);
  return time >= since && time <= until;
}
