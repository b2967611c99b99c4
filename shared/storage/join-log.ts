/**
 * The `joins` table: attempts to join, for the operator who has a request id. Rows are written in batches after the
 * answer. Which attempts leave one is for the audit to say (joining/audited-join.ts).
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { LogVerification } from '../protocol/join-log-verification.ts';
import type { JoinFacts, JoinPage, JoinRecord } from '../protocol/join-record.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { unavailable } from '../refusal.ts';
import { timeOfRequestId } from '../request-id.ts';
import type { Anchor } from './join-log-anchors.ts';
import { INDEX_PARTS, indexDayRow, indexRowsOf, prefixesOf } from './join-log-index.ts';
import { writeLast } from './join-log-last.ts';
import type { JoinListQuery } from './join-log-lists.ts';
import { isRefusal, partitionOf, refusalsOf } from './join-log-places.ts';
import { type LogKey, type Sealed, seal } from './join-log-seal.ts';
import { dayOf } from './log-pages.ts';
import { type Row, rowSizeProblem, type Table } from './table.ts';
import { transactionsOf } from './transactions.ts';
import type { VerifyQuery } from './verify-join-log.ts';

export interface JoinLog {
  /**
   * Keeps an attempt for the next batch. An admission is never dropped: where too many wait to be written it waits for
   * them, and throws `unavailable` if they can't be. Others neither wait nor fail.
   */
  record(id: string, facts: JoinFacts): Promise<void>;
  find(id: string): Promise<JoinRecord | undefined>;
  /** One page of the attempts of a time, or of those about one machine, bot or join token (join-log-lists.ts says what that reads). */
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

/** What waits: an admission until it is written, anything else until a batch was tried. */
interface Waiting {
  readonly row: Row;
  readonly admitted: boolean;
  /** What it is found by. */
  readonly prefixes: readonly string[];
}

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
  const part = Number.parseInt(writer.slice(0, 1), 16) % INDEX_PARTS;
  /** Days that storage knows of as having an index. */
  const listed = new Set<string>();
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
    const written: Waiting[] = [];
    for (const batch of transactionsOf(rows, ({ row }) => row.partition))
      written.push(...(await writeBatch(batch)));
    await writeBeside(
      written.flatMap(({ row }) => asRefusal(row)),
      'joins could not be listed as refused',
    );
    await writeBeside(
      written.flatMap(({ row, prefixes }) => indexRowsOf(row, prefixes, part)),
      'rows could not be written by which joins are found by machine, bot and join token',
    );
    await writeBeside(newDays(written), 'days of joins could not be listed', (row) =>
      listed.add(row.key),
    );
    await tellLast(false);
  }

  /** What storage refuses for what it says is written one by one, and then in short, so that it holds up no other. */
  async function writeBatch(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    let key: LogKey | undefined;
    try {
      key = await keyOf();
      return await writeSealed(batch, key);
    } catch (error) {
      onFailure(`${batch.length} joins could not be written to the join log: ${error}`);
      // Where there is no key, it is not storage that refuses.
      const smaller = key && isRefused(error) ? smallerThan(batch) : [];
      if (smaller.length === 0) keep(...batch.filter(({ admitted }) => admitted));
      const written: Waiting[] = [];
      for (const one of smaller) written.push(...(await writeBatch([one])));
      return written;
    }
  }

  /** What lists need beside the attempts: where it can't be written, that is told, and the attempts stand. */
  async function writeBeside(
    rows: readonly Row[],
    trouble: string,
    onWritten: (row: Row) => void = () => {},
  ): Promise<void> {
    for (const batch of transactionsOf(rows, ({ partition }) => partition)) {
      try {
        await table.apply(batch.map((row) => ({ kind: 'put', row })));
        for (const row of batch) onWritten(row);
      } catch (error) {
        onFailure(`${batch.length} ${trouble}: ${error}`);
      }
    }
  }

  function newDays(written: readonly Waiting[]): readonly Row[] {
    const days = written.flatMap(({ row, prefixes }) =>
      prefixes.length > 0 ? [dayOf(timeOfRequestId(row.key))] : [],
    );
    return [...new Set(days)].filter((day) => !listed.has(day)).map(indexDayRow);
  }

  /** Only rows that storage has acknowledged have successors: an answer that was lost breaks no chain. */
  async function writeSealed(batch: readonly Waiting[], key: LogKey): Promise<readonly Waiting[]> {
    let previous = last;
    const sealed = batch.map((waiting) => {
      const made = seal(waiting.row, previous, key);
      previous = made.sealed;
      return { ...waiting, row: made.row };
    });
    await table.apply(sealed.map(({ row }) => ({ kind: 'put', row })));
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
      keep({ row: rowOf(id, facts), admitted, prefixes: prefixesOf(facts) });
    },
    find: async (id) => (await lists()).findJoin(table, id),
    async list({ of, ...query }) {
      const { listJoins, listJoinsOf } = await lists();
      return of
        ? listJoinsOf(table, { ...query, of }, await keyOf())
        : listJoins(table, { ...query });
    },
    flush,
    async end() {
      await flush();
      await tellLast(true);
    },
    async anchor(at) {
      await tellLast(true);
      const { writeAnchor } = await import('./join-log-anchors.ts');
      return writeAnchor({ table, key: keyOf }, at);
    },
    async verify(query) {
      // For operators alone: no start waits for it.
      const { verifyJoinLog } = await import('./verify-join-log.ts');
      return verifyJoinLog(query, { table, key: await keyOf(), own: last, at: now() });
    },
    sweep: async (at) => (await lists()).sweepJoins(table, at, now),
  };
}

/** What is asked is asked by operators and timers: no start waits for it. */
const lists = () => import('./join-log-lists.ts');

function rowOf(id: string, facts: JoinFacts): Row {
  const record = { request_id: id, time: formatTimestamp(timeOfRequestId(id)), ...facts };
  const row = { partition: partitionOf(id), key: id, values: { json: JSON.stringify(record) } };
  return rowSizeProblem(row) ? inShort(row, TOO_LONG) : row;
}

/** A row that storage can't take would be tried again for ever, and with it all that wait beside it. */
function inShort(row: Row, detail: string): Row {
  const { request_id, time, outcome } = JSON.parse(String(row.values['json'])) as JoinRecord;
  return { ...row, values: { json: JSON.stringify({ request_id, time, outcome, detail }) } };
}

const TOO_LONG = 'too long to be kept';
const REFUSED = 'refused by storage, as it was';

/** Each of several, or one in short; nothing where it is in short already. */
function smallerThan(batch: readonly Waiting[]): readonly Waiting[] {
  if (batch.length > 1) return batch;
  return batch.flatMap((one) => {
    const row = inShort(one.row, REFUSED);
    return isDeepStrictEqual(row, one.row) ? [] : [{ ...one, row }];
  });
}

/** Whether storage has looked at what was to be written and won't have it. Then nothing of it is written. */
function isRefused(error: unknown): boolean {
  const { statusCode } = ((error as Error).cause ?? {}) as { readonly statusCode?: unknown };
  return statusCode === 400 || statusCode === 413;
}

/** An attempt that was not admitted is written twice, with the same seal. */
const asRefusal = (row: Row): readonly Row[] =>
  isRefusal(row) ? [{ ...row, partition: refusalsOf(row.key) }] : [];
