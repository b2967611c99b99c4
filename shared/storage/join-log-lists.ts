/** What is asked of the join log, and its sweep: for operators and a timer, so no start waits for it. */
import { type JoinPage, type JoinRecord, joinRecord } from '../protocol/join-record.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import { firstRequestId, timeOfRequestId } from '../request-id.ts';
import { sweepAnchors } from './join-log-anchors.ts';
import {
  INDEX,
  INDEX_DAYS,
  INDEX_PARTS,
  type IndexedBy,
  indexPartition,
  indexPrefix,
  nameIn,
} from './join-log-index.ts';
import {
  justBefore,
  keptSince,
  minuteOf,
  partitionOf,
  REFUSED,
  refusalsOf,
} from './join-log-places.ts';
import { checkSeal, type LogKey } from './join-log-seal.ts';
import { dayOf, isWithin, readPage } from './log-pages.ts';
import type { StoredRow, Table } from './table.ts';
import { chunksOf, removeRows } from './transactions.ts';

export interface JoinListQuery {
  readonly since: Date;
  readonly until: Date;
  /** The request after which the page begins: `next` of the page before. */
  readonly after: string | undefined;
  /** Only those that were not admitted, which have rows of their own. */
  readonly refusedOnly: boolean;
  /** Only those that are about a machine, a bot or a join token, and maybe some about others. */
  readonly of?: { readonly by: IndexedBy; readonly value: string };
}

export async function findJoin(table: Table, id: string): Promise<JoinRecord | undefined> {
  const row = await table.read(partitionOf(id), id);
  return row && recordOf(row);
}

/** One page: what at most 1,000 rows say, in two questions to storage. */
export async function listJoins(
  table: Table,
  { since, until, after, refusedOnly }: JoinListQuery,
): Promise<JoinPage> {
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
    .filter((record) => record !== undefined);
  return { items: inOrder(items), ...(next !== undefined && { next }) };
}

/** As many attempts of one machine, bot or join token as a page has. */
const MOST_OF_ONE = 200;
/** So many rows are read at once. */
const AT_ONCE = 32;

/**
 * One page of what the index finds: one question for the days that there are, one for each part of a day, and of a machine
 * or a join token one more for each attempt.
 */
export async function listJoinsOf(
  table: Table,
  { since, until, after, of }: JoinListQuery & Required<Pick<JoinListQuery, 'of'>>,
  key: LogKey,
): Promise<JoinPage> {
  const prefix = indexPrefix(of.by, indexedAs(of));
  const from = [firstRequestId(since), after ?? ''].toSorted().at(-1) ?? '';
  const range = { keyAfter: prefix + from, keyBelow: `${prefix}${firstRequestId(until)}~` };
  const found: StoredRow[] = [];
  for (const day of await daysFrom(
    table,
    after === undefined ? since : timeOfRequestId(after),
    until,
  )) {
    const parts = await Promise.all(
      Array.from({ length: INDEX_PARTS }, (_, part) =>
        table.list({ partition: indexPartition(day, part), ...range, most: MOST_OF_ONE }),
      ),
    );
    found.push(...parts.flat().toSorted((a, b) => (a.key < b.key ? -1 : 1)));
    if (found.length >= MOST_OF_ONE) break;
  }
  const page = found
    .slice(0, MOST_OF_ONE)
    .map((row) => ({ row, id: row.key.slice(prefix.length) }));
  const items: JoinRecord[] = [];
  for (const some of chunksOf(page, AT_ONCE)) {
    const records = await Promise.all(
      some.map(({ row, id }) => copyIn(row, id, key) ?? findJoin(table, id)),
    );
    items.push(...records.filter((record) => record !== undefined));
  }
  const next = page.length === MOST_OF_ONE ? page.at(-1)?.id : undefined;
  return { items, ...(next !== undefined && { next }) };
}

/** A resource id is found by the name in it. */
const indexedAs = ({ by, value }: Required<JoinListQuery>['of']): string =>
  by === 'machine' && !/^arn:/i.test(value) ? (nameIn(value) ?? '') : value;

async function daysFrom(table: Table, since: Date, until: Date): Promise<readonly string[]> {
  const [first, last] = [dayOf(since), dayOf(until)];
  const days = (await table.list({ partition: INDEX_DAYS })).map(({ key }) => key);
  return days.filter((day) => day >= first && day <= last).toSorted();
}

/** What a copy says, if it is as it was sealed; else the attempt's own row is asked. */
function copyIn(row: StoredRow, id: string, key: LogKey): JoinRecord | undefined {
  const original = { ...row, key: id, partition: partitionOf(id) };
  return checkSeal(original, key).ok ? recordOf(row) : undefined;
}

const MOST_SWEPT = 5000;
/** Of a log of 100,000 machines that renew themselves hourly, more than an hour adds. */
const MOST_ROUNDS = 120;
const MOST_SWEEPING_MS = 180_000;

/** Removes what is older than the retention, index and refusals before the attempts that have the next sweep look for them. */
export async function sweepJoins(table: Table, at: Date, now: () => Date): Promise<number> {
  const oldest = keptSince(at);
  const day = dayOf(oldest);
  let removed = 0;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const attempts = await table.list({ partitionBelow: day, most: MOST_SWEPT });
    if (attempts.length === 0) break;
    if (round === 0) await sweepAnchors(table, oldest);
    const beside = [...(await overIn(table, INDEX, day)), ...(await overIn(table, REFUSED, day))];
    const isRest = beside.length < MOST_SWEPT;
    const over = isRest ? [...beside, ...(await overDays(table, day)), ...attempts] : beside;
    await removeRows(table, over);
    removed += over.length;
    if (isRest && attempts.length < MOST_SWEPT) break;
    if (now().getTime() - at.getTime() > MOST_SWEEPING_MS) break;
  }
  return removed;
}

const overIn = (table: Table, prefix: string, day: string): Promise<readonly StoredRow[]> =>
  table.list({ partitionAfter: prefix, partitionBelow: prefix + day, most: MOST_SWEPT });

const overDays = (table: Table, day: string): Promise<readonly StoredRow[]> =>
  table.list({ partition: INDEX_DAYS, keyBelow: day });

function recordOf({ values }: StoredRow): JoinRecord | undefined {
  const parsed = parseJsonWith(joinRecord, String(values['json']));
  return parsed.ok ? parsed.value : undefined;
}

const inOrder = (records: readonly JoinRecord[]): JoinRecord[] =>
  records.toSorted((a, b) => (a.request_id < b.request_id ? -1 : 1));
