/**
 * Looks whether the join log is as it was written: every row has its seal, and the row that it names as the one before it
 * is there. Minute by minute, so that a page costs a bounded number of questions.
 */
import type { LogProblem, LogVerification } from '../protocol/join-log-verification.ts';
import { unavailable } from '../refusal.ts';
import { type KnownEnds, readAnchors } from './join-log-anchors.ts';
import {
  isRefusal,
  isRequestId,
  justBefore,
  keptSince,
  minuteOf,
  partitionOf,
  REFUSED,
  refusalsOf,
} from './join-log-places.ts';
import { checkSeal, type LogKey, type SealCheck, type Sealed } from './join-log-seal.ts';
import { dayOf } from './log-pages.ts';
import type { StoredRow, Table } from './table.ts';
import { chunksOf } from './transactions.ts';

export interface VerifyQuery {
  readonly since: Date;
  readonly until: Date;
  /** The minute after which the page begins: `next` of the page before. */
  readonly after: string | undefined;
}

export interface VerifyParts {
  readonly table: Table;
  readonly key: LogKey;
  /** The last row that this very function instance has written. */
  readonly own: Sealed | undefined;
  readonly at: Date;
}

const MOST_LISTED = 1000;
/** Of a minute: what sixteen function instances write when they have nothing else to do. */
const MOST_OF_MINUTE = 50_000;
const MOST_PROBLEMS = 100;
/** So many rows are read at once: a month's anchors of forty function instances name tens of thousands. */
const AT_ONCE = 32;

/** One page. The first one also looks whether the ends are there that anchors and writers name. */
export async function verifyJoinLog(
  { since, until, after }: VerifyQuery,
  parts: VerifyParts,
): Promise<LogVerification> {
  const { table } = parts;
  const from = after ?? justBefore(minuteOf(since));
  const below = `${minuteOf(until)}~`;
  const { rows, end } = await wholeMinutes(table, from, below);
  const lastMinute = end === undefined ? below : `${end}~`;
  const copies = await table.list({
    partitionAfter: REFUSED + from,
    partitionBelow: REFUSED + lastMinute,
    most: MOST_OF_MINUTE,
  });
  const ends = after === undefined ? await readAnchors(table, parts.key, parts.at) : undefined;
  const problems = [
    ...(await problemsOf(rows, parts)),
    ...problemsOfCopies(rows, copies, parts),
    ...(ends ? await problemsOfEnds(ends, parts) : []),
  ];
  return {
    checked: rows.length,
    problems: problems.toSorted(plantedLast).slice(0, MOST_PROBLEMS),
    found: problems.length,
    ...(ends?.newest && { anchor: ends.newest }),
    ...(ends?.oldest !== undefined && { oldest_anchor: ends.oldest, anchors: ends.times }),
    ...(end !== undefined && { next: `${end}~` }),
  };
}

/**
 * Rows of at least one minute, and whole minutes only; `end` is the last of them where there may be more. A minute is what a
 * partition begins with: somebody who can write to the table can give rows any name. Throws `unavailable` for a thousand together
 * that are of no minute.
 */
async function wholeMinutes(
  table: Table,
  from: string,
  below: string,
): Promise<{ rows: readonly StoredRow[]; end: string | undefined }> {
  const range = { partitionAfter: from, partitionBelow: below, most: MOST_LISTED };
  const rows = await table.list(range);
  if (rows.length < MOST_LISTED) return { rows, end: undefined };
  const last = rows.findLast(({ partition }) => MINUTE.test(partition));
  if (!last)
    throw unavailable(
      `${MOST_LISTED} rows after ${from} are of no minute: they are not ours, remove them first`,
    );
  const end = last.partition.slice(0, MINUTE_LENGTH);
  const rest = await table.list({
    partitionAfter: justBefore(end),
    partitionBelow: `${end}~`,
    most: MOST_OF_MINUTE,
  });
  return {
    rows: [...rows.filter(({ partition }) => partition < end), ...rest],
    end,
  };
}

/** Rows that somebody planted hide nothing that he changed or removed. */
const plantedLast = (a: LogProblem, b: LogProblem): number =>
  Number(a.what === 'not ours') - Number(b.what === 'not ours');

const MINUTE = /^\d{8}T\d{4}-/;
const MINUTE_LENGTH = 13;

/** What has another name was never written by us. */
const isNamed = ({ key }: StoredRow): boolean => isRequestId(key);

async function problemsOf(
  rows: readonly StoredRow[],
  { table, key, at }: VerifyParts,
): Promise<readonly LogProblem[]> {
  const problems: LogProblem[] = [];
  const there = new Map<string, string>();
  const named: { readonly by: StoredRow; readonly previous: Sealed }[] = [];
  for (const row of rows) {
    const checked: SealCheck = isNamed(row) ? checkSeal(row, key) : { ok: false, why: 'no seal' };
    if (checked.ok) {
      there.set(placeOf(checked.sealed), checked.sealed.mac);
      if (checked.previous) named.push({ by: row, previous: checked.previous });
    } else {
      problems.push({ what: WORDS[checked.why], request_id: row.key });
    }
  }
  const present = new Set(rows.map(placeOf));
  for (const { previous } of named) {
    const mac = there.get(placeOf(previous)) ?? (await macAt(table, previous, key, at));
    if (mac === previous.mac || mac === 'swept') continue;
    // Its own row says that it was changed.
    if (present.has(placeOf(previous))) continue;
    problems.push({ what: 'missing', request_id: previous.key });
  }
  return problems;
}

const WORDS = {
  'no seal': 'not ours',
  'wrong seal': 'changed',
  'other key': 'other key',
} as const satisfies Record<string, LogProblem['what']>;

/** The second row of a refusal must be like the first. Where it is not there, lists of refusals leave the attempt out. */
function problemsOfCopies(
  rows: readonly StoredRow[],
  copies: readonly StoredRow[],
  { key }: VerifyParts,
): readonly LogProblem[] {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const listed = new Set(copies.map(({ key: id }) => id));
  const wrong = copies.flatMap((copy): LogProblem[] => {
    const original = byKey.get(copy.key);
    const same =
      original !== undefined &&
      original.values['json'] === copy.values['json'] &&
      original.values['seal'] === copy.values['seal'];
    if (same && isNamed(copy) && copy.partition === refusalsOf(copy.key)) return [];
    const genuine =
      original === undefined && isNamed(copy) && checkSeal(copy, key, partitionOf(copy.key)).ok;
    return [{ what: genuine ? 'missing' : 'not ours', request_id: copy.key }];
  });
  const unlisted = rows.flatMap((row): LogProblem[] =>
    isNamed(row) && isRefusal(row) && !listed.has(row.key)
      ? [{ what: 'not listed', request_id: row.key }]
      : [],
  );
  return [...wrong, ...unlisted];
}

async function problemsOfEnds(
  { expected, wrong }: KnownEnds,
  { table, key, own, at }: VerifyParts,
): Promise<readonly LogProblem[]> {
  const problems: LogProblem[] = wrong.map((name) => ({ what: 'anchor', name }));
  const ends = new Map(
    [...expected, ...(own ? [own] : [])].map((one) => [placeOf(one), one] as const),
  );
  for (const some of chunksOf([...ends.values()], AT_ONCE)) {
    const macs = await Promise.all(some.map((one) => macAt(table, one, key, at)));
    for (const [i, one] of some.entries())
      if (macs[i] !== one.mac && macs[i] !== 'swept')
        problems.push({ what: 'missing', request_id: one.key });
  }
  return problems;
}

/** The authenticator of the row that is there now; `swept` where its time is over. */
async function macAt(
  table: Table,
  { partition, key: id }: Sealed,
  key: LogKey,
  at: Date,
): Promise<string | undefined> {
  if (partition < dayOf(keptSince(at))) return 'swept';
  const row = await table.read(partition, id);
  const checked = row && checkSeal(row, key);
  return checked?.ok ? checked.sealed.mac : undefined;
}

const placeOf = ({ partition, key }: Pick<Sealed, 'partition' | 'key'>): string =>
  `${partition}/${key}`;
