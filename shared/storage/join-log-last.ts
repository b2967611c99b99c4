/** Where each writer of the join log is: a row that names its last one, so that an end that is cut off is noticed. */

import { formatTimestamp } from '../protocol/values.ts';
import { WRITERS } from './join-log-places.ts';
import { type LogKey, type Sealed, seal } from './join-log-seal.ts';
import type { Table } from './table.ts';

export interface AnchorParts {
  readonly table: Table;
  readonly key: () => Promise<LogKey>;
}

/** Where a writer is. It is told every ten minutes, before an anchor of its own, and before the process ends. */
export async function writeLast(
  { table, key }: AnchorParts,
  writer: string,
  last: Sealed,
  at: Date,
): Promise<void> {
  const json = JSON.stringify({ time: formatTimestamp(at), last });
  const { row } = seal(
    { partition: WRITERS, key: writer, values: { json } },
    undefined,
    await key(),
  );
  await table.apply([{ kind: 'put', row }]);
}
