/**
 * The `joins` table: attempts to join, for the operator who has a request id. Rows are written in batches after the
 * answer. Which attempts leave one is for the audit to say (joining/audited-join.ts).
 */
import { randomUUID } from 'node:crypto';
import type { LogVerification } from '../protocol/join-log-verification.ts';
import {
  type JoinFacts,
  type JoinPage,
  type JoinRecord,
  joinRecord,
  requestId,
} from '../protocol/join-record.ts';
import { parseJsonWith, parseWith } from '../protocol/schema.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { unavailable } from '../refusal.ts';
import { timeOfRequestId } from '../request-id.ts';
import { type Anchor, sweepAnchors, writeAnchor, writeLast } from './join-log-anchors.ts';
import {
  isRefusal,
  JOIN_LOG_DAYS,
  justBefore,
  minuteOf,
  partitionOf,
  REFUSED,
  refusalsOf,
} from './join-log-places.ts';
import { type LogKey, type Sealed, seal } from './join-log-seal.ts';
import { dayOf, isWithin, readPage } from './log-pages.ts';
import type { Row, StoredRow, Table } from './table.ts';
import { removeRows, transactionsOf } from './transactions.ts';
import type { VerifyQuery } from './verify-join-log.ts';

export interface JoinLog {
  /**
   * Keeps an attempt for the next batch. An admission is never dropped: where too many wait to be written it waits for
   * them, and throws `unavailable` if they can't be. Others neither wait nor fail.
   */
  record(id: string, facts: JoinFacts): Promise<void>;
  find(id: string): Promise<JoinRecord | undefined>;
  /** One page of the attempts of a time: what at most 1,000 rows say, in two questions to storage. */
  list(query: JoinListQuery): Promise<JoinPage>;
  /** Writes what was kept. */
  flush(): Promise<void>;
  /** The same, and where it ends: this function instance writes nothing more. */
  end(): Promise<void>;
  /** Writes down where every function instance is, so that an end that is cut off is noticed. */
  anchor(at: Date): Promise<Anchor | undefined>;
  /** Looks whether everything of a time is as it was written. */
  verify(query: VerifyQuery): Promise<LogVerification>;
  /** Removes what is older than the retention. Gives how many rows. */
  sweep(at: Date): Promise<number>;
}

export interface JoinListQuery {
  readonly since: Date;
  readonly until: Date;
  /** The request after which the page begins: `next` of the page before. */
  readonly after: string | undefined;
  /** Only those that were not admitted, which have rows of their own. */
  readonly refusedOnly: boolean;
}

export interface JoinLogOptions {
  readonly table: Table;
  /** Runs a task soon, when the answer is out. */
  readonly later: (task: () => void) => void;
  /** Told where a batch could not be written, or attempts were not kept. */
  readonly onFailure: (why: string) => void;
  /** How many rows may wait. */
  readonly most?: number;
  /** Authenticates rows. Throws `unavailable` where it can't be had. */
  readonly key: () => Promise<LogKey>;
  readonly now: () => Date;
}

const MOST_KEPT = 5000;
const MOST_SWEPT = 5000;

/** What waits: an admission until it is written, anything else until a batch was tried. */
type Waiting = Row & { readonly admitted: boolean };

/** So often a function instance writes down where it is. */
const LAST_EVERY_MS = 600_000;

export function createJoinLog({
  table,
  later,
  onFailure,
  most = MOST_KEPT,
  key: keyOf,
  now,
}: JoinLogOptions): JoinLog {
  const writer = randomUUID();
  /** The last row of ours that storage has acknowledged, and when that was told of. */
  let last: Sealed | undefined;
  let told = { last, at: now().getTime() };
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
    const written: Row[] = [];
    for (const batch of batchesOf(rows)) {
      try {
        written.push(...(await writeSealed(batch)));
      } catch (error) {
        onFailure(`${batch.length} joins could not be written to the join log: ${error}`);
        keep(...batch.filter(({ admitted }) => admitted));
      }
    }
    for (const batch of batchesOf(written.flatMap(asRefusal))) {
      try {
        await table.apply(batch.map((row) => ({ kind: 'put', row })));
      } catch (error) {
        onFailure(`${batch.length} joins could not be listed as refused: ${error}`);
      }
    }
    await tellLast(false);
  }

  /** Only rows that storage has acknowledged have successors: an answer that was lost breaks no chain. */
  async function writeSealed(batch: readonly Waiting[]): Promise<readonly Row[]> {
    const key = await keyOf();
    let previous = last;
    const sealed = batch.map(({ admitted: _, ...row }) => {
      const made = seal(row, previous, key);
      previous = made.sealed;
      return made.row;
    });
    await table.apply(sealed.map((row) => ({ kind: 'put', row })));
    last = previous;
    return sealed;
  }

  async function tellLast(isUrgent: boolean): Promise<void> {
    const at = now();
    if (!last || last === told.last) return;
    if (!isUrgent && at.getTime() - told.at < LAST_EVERY_MS) return;
    try {
      await writeLast({ table, key: keyOf }, writer, last, at);
      told = { last, at: at.getTime() };
    } catch (error) {
      onFailure(`the end of the join log could not be written: ${error}`);
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
    async record(id, facts) {
      const admitted = facts.outcome === 'admitted';
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
      return row && recordOf(row);
    },
    async list({ since, until, after, refusedOnly }) {
      const prefix = refusedOnly ? REFUSED : '';
      const partition = refusedOnly ? refusalsOf : partitionOf;
      const { rows, next } = await readPage(table, {
        after: after === undefined ? undefined : { partition: partition(after), key: after },
        partitionAfter: prefix + justBefore(minuteOf(since)),
        // Nothing sorts between a minute's partitions and this.
        partitionBelow: `${prefix}${minuteOf(until)}~`,
      });
      const items = rows
        .filter((row) => isWithin(row, { since, until }))
        .map(recordOf)
        .filter((record) => record !== undefined)
        .toSorted((a, b) => (a.request_id < b.request_id ? -1 : 1));
      return { items, ...(next !== undefined && { next }) };
    },
    flush,
    async end() {
      await flush();
      await tellLast(true);
    },
    async anchor(at) {
      await tellLast(true);
      return writeAnchor({ table, key: keyOf }, at);
    },
    async verify(query) {
      // For operators alone: no start waits for it.
      const { verifyJoinLog } = await import('./verify-join-log.ts');
      return verifyJoinLog(query, { table, key: await keyOf(), own: last, at: now() });
    },
    async sweep(at) {
      const oldest = new Date(at.getTime() - JOIN_LOG_DAYS * 24 * 3600 * 1000);
      const day = dayOf(oldest);
      const attempts = await table.list({ partitionBelow: day, most: MOST_SWEPT });
      if (attempts.length === 0) return 0;
      await sweepAnchors(table, oldest);
      // They go first: each has an attempt's row of the same day, which has the next sweep look for the rest.
      const refused = { partitionAfter: REFUSED, partitionBelow: REFUSED + day, most: MOST_SWEPT };
      const over = [...(await table.list(refused)), ...attempts];
      await removeRows(table, over);
      return over.length;
    },
  };
}

/** Whether a text is a request id. */
export const isRequestId = (text: string): boolean => parseWith(requestId, text).ok;

function rowOf(id: string, facts: JoinFacts): Row {
  const record = { request_id: id, time: formatTimestamp(timeOfRequestId(id)), ...facts };
  return { partition: partitionOf(id), key: id, values: { json: JSON.stringify(record) } };
}

/** An attempt that was not admitted is written twice, with the same seal. */
const asRefusal = (row: Row): readonly Row[] =>
  isRefusal(row) ? [{ ...row, partition: refusalsOf(row.key) }] : [];

function recordOf({ values }: StoredRow): JoinRecord | undefined {
  const parsed = parseJsonWith(joinRecord, String(values['json']));
  return parsed.ok ? parsed.value : undefined;
}

const batchesOf = <R extends Row>(rows: readonly R[]): R[][] =>
  transactionsOf(rows, ({ partition }) => partition);
