/**
 * The `joins` table: attempts to join, for the operator who has a request id. Rows are written in batches after the
 * answer. A machine that a rule names always leaves one; of the others, who cost a caller nothing, one in 256.
 */
import { type JoinFacts, type JoinRecord, joinRecord, requestId } from '../protocol/join-record.ts';
import { parseJsonWith, parseWith } from '../protocol/schema.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { unavailable } from '../refusal.ts';
import type { Operation, Row, Table } from './table.ts';

export interface JoinLog {
  /**
   * Keeps an attempt for the next batch. `known`: a rule names the machine. An admission is never dropped: where too many
   * wait to be written it waits for them, and throws `unavailable` if they can't be. Others neither wait nor fail.
   */
  record(id: string, facts: JoinFacts, known: boolean): Promise<void>;
  find(id: string): Promise<JoinRecord | undefined>;
  /** Writes what was kept. */
  flush(): Promise<void>;
  /** Removes what is older than the retention. Gives how many rows. */
  sweep(at: Date): Promise<number>;
}

export interface JoinLogOptions {
  readonly table: Table;
  /** Runs a task soon, when the answer is out. */
  readonly later: (task: () => void) => void;
  /** Told where a batch could not be written, or attempts were not kept. */
  readonly onFailure: (why: string) => void;
  /** How many rows may wait. */
  readonly most?: number;
}

export const JOIN_LOG_DAYS = 30;

const MOST_KEPT = 5000;
const MOST_IN_TRANSACTION = 100;
const MOST_SWEPT = 5000;
const SAMPLED = '00';

/** What waits: an admission until it is written, anything else until a batch was tried. */
type Waiting = Row & { readonly admitted: boolean };

export function createJoinLog({
  table,
  later,
  onFailure,
  most = MOST_KEPT,
}: JoinLogOptions): JoinLog {
  let kept: Waiting[] = [];
  let lost = 0;
  let scheduled = false;
  let written = Promise.resolve();

  async function write(): Promise<void> {
    const rows = kept;
    kept = [];
    scheduled = false;
    if (lost > 0) onFailure(`${lost} joins were not kept in the join log`);
    lost = 0;
    for (const batch of batchesOf(rows)) {
      try {
        await table.apply(batch.map(({ admitted: _, ...row }) => ({ kind: 'put', row })));
      } catch (error) {
        onFailure(`${batch.length} joins could not be written to the join log: ${error}`);
        keep(...batch.filter(({ admitted }) => admitted));
      }
    }
  }

  function keep(...rows: readonly Waiting[]): void {
    kept.push(...rows);
    if (scheduled || rows.length === 0) return;
    scheduled = true;
    later(() => void flush());
  }

  /** One batch after the other, so that the last flush has seen them all. */
  function flush(): Promise<void> {
    written = written.then(write);
    return written;
  }

  return {
    async record(id, facts, known) {
      const admitted = facts.outcome === 'admitted';
      if (!admitted && !known && !id.endsWith(SAMPLED)) return;
      if (kept.length >= most) {
        if (!admitted) {
          lost += 1;
          return;
        }
        await flush();
        if (kept.length >= most) throw unavailable('joins can not be written to the join log now');
      }
      keep({ ...rowOf(id, facts), admitted });
    },
    async find(id) {
      const row = await table.read(partitionOf(id), id);
      const parsed = row && parseJsonWith(joinRecord, String(row.values['json']));
      return parsed?.ok ? parsed.value : undefined;
    },
    flush,
    async sweep(at) {
      const oldest = new Date(at.getTime() - JOIN_LOG_DAYS * 24 * 3600 * 1000);
      const over = await table.list({ partitionBelow: dayOf(oldest), most: MOST_SWEPT });
      for (const batch of batchesOf(over)) {
        const removals = batch.map(
          ({ partition, key, etag }): Operation => ({ kind: 'remove', partition, key, etag }),
        );
        await table.apply(removals);
      }
      return over.length;
    },
  };
}

/** Everything that finds the row is in the id: its time, and a digit that spreads a busy minute over sixteen partitions. */
function partitionOf(id: string): string {
  const time = timeOf(id);
  return `${dayOf(time)}T${time.toISOString().slice(11, 16).replace(':', '')}-${id.slice(-1)}`;
}

const dayOf = (time: Date): string => time.toISOString().slice(0, 10).replaceAll('-', '');

/** The time in a UUID of version 7. */
const timeOf = (id: string): Date =>
  new Date(Number.parseInt(id.slice(0, 13).replace('-', ''), 16));

/** Whether a text is a request id. */
export const isRequestId = (text: string): boolean => parseWith(requestId, text).ok;

function rowOf(id: string, facts: JoinFacts): Row {
  const record = { request_id: id, time: formatTimestamp(timeOf(id)), ...facts };
  return { partition: partitionOf(id), key: id, values: { json: JSON.stringify(record) } };
}

/** Rows of one partition at a time, as many as a transaction takes. */
function batchesOf<R extends Row>(rows: readonly R[]): R[][] {
  const partitions = Map.groupBy(rows, ({ partition }) => partition);
  return [...partitions.values()].flatMap((all) =>
    Array.from({ length: Math.ceil(all.length / MOST_IN_TRANSACTION) }, (_, i) =>
      all.slice(i * MOST_IN_TRANSACTION, (i + 1) * MOST_IN_TRANSACTION),
    ),
  );
}
