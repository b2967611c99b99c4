/**
 * What shows that the end of the join log is missing: each writer keeps a row that names its last one, and every hour an
 * anchor names the last rows of all writers, and the anchor before it. Both are sealed.
 */
import * as z from 'zod/mini';
import { parseJsonWith } from '../protocol/schema.ts';
import { formatTimestamp, parseTimestamp, timestamp } from '../protocol/values.ts';
import type { AnchorParts } from './join-log-last.ts';
import { ANCHORS, keptSince, WRITERS } from './join-log-places.ts';
import { checkSeal, type LogKey, type Sealed, seal } from './join-log-seal.ts';
import type { StoredRow, Table } from './table.ts';

const place = z.object({ partition: z.string(), key: z.string(), mac: z.string() });
const writerText = z.object({ time: timestamp, last: place });
const anchorText = z.object({ time: timestamp, last: z.array(place) });

/** An anchor's name, and its authenticator: what to compare with the broker's own log. */
export interface Anchor {
  readonly key: string;
  readonly mac: string;
}

const TWO_HOURS_MS = 2 * 3600 * 1000;
/** How much clocks of function instances may differ. */
const SKEW_MS = 300_000;
/** A row has room for some 200. */
const MOST_NAMED = 100;

/**
 * Writes an anchor over what writers did in the last two hours: what is older is in the anchors before it. `undefined`
 * where nobody wrote anything.
 */
export async function writeAnchor(parts: AnchorParts, at: Date): Promise<Anchor | undefined> {
  const { table } = parts;
  const key = await parts.key();
  const writers = (await table.list({ partition: WRITERS })).flatMap((row) => {
    const told = checkSeal(row, key).ok ? textOf(writerText, row) : undefined;
    const time = parseTimestamp(told?.time ?? '');
    return told && time && at.getTime() - time.getTime() < TWO_HOURS_MS ? [told.last] : [];
  });
  if (writers.length === 0) return undefined;
  let newest = genuineAnchors(await table.list({ partition: ANCHORS }), key)[0]?.sealed;
  const time = formatTimestamp(at);
  for (let start = 0; start < writers.length; start += MOST_NAMED) {
    const json = JSON.stringify({ time, last: writers.slice(start, start + MOST_NAMED) });
    const name = `${time}-${start / MOST_NAMED}`;
    const made = seal({ partition: ANCHORS, key: name, values: { json } }, newest, key);
    await table.apply([{ kind: 'put', row: made.row }]);
    newest = made.sealed;
  }
  return newest && { key: newest.key, mac: newest.mac };
}

/** What the anchors and the writers' rows say that there must be, and what is wrong with them. */
export interface KnownEnds {
  readonly newest: Anchor | undefined;
  /** Its name: whoever takes all anchors away has the next one be the first. */
  readonly oldest: string | undefined;
  /** How often anchors were written: whoever leaves only the oldest has the next one come after it. */
  readonly times: number;
  readonly expected: readonly Sealed[];
  readonly wrong: readonly string[];
}

export async function readAnchors(table: Table, key: LogKey, at: Date): Promise<KnownEnds> {
  const anchorRows = await table.list({ partition: ANCHORS });
  const writerRows = await table.list({ partition: WRITERS });
  const wrong = [...anchorRows, ...writerRows]
    .filter((row) => !checkSeal(row, key).ok)
    .map(({ partition, key: name }) => `${partition}/${name}`);
  const anchors = genuineAnchors(anchorRows, key);
  const there = new Set(anchors.map(({ sealed }) => sealed.key));
  const missing = anchors.flatMap(({ previous }) =>
    previous && !there.has(previous.key) ? [`${ANCHORS}/${previous.key}`] : [],
  );
  const expected = [
    ...anchors.flatMap(({ row }) => textOf(anchorText, row)?.last ?? []),
    ...writerRows.flatMap((row) =>
      checkSeal(row, key).ok ? (textOf(writerText, row)?.last ?? []) : [],
    ),
  ];
  const [newest] = anchors;
  const swept = formatTimestamp(new Date(keptSince(at).getTime() + SKEW_MS));
  return {
    oldest: anchors.at(-1)?.sealed.key,
    times: new Set(anchors.map(({ sealed }) => sealed.key.slice(0, swept.length))).size,
    newest: newest && { key: newest.sealed.key, mac: newest.sealed.mac },
    expected: [...new Map(expected.map((one) => [`${one.partition}/${one.key}`, one])).values()],
    // What was swept is named by its time, as all are.
    wrong: [...wrong, ...missing.filter((name) => name >= `${ANCHORS}/${swept}`)],
  };
}

/** Removes anchors and writers of before `oldest`. */
export async function sweepAnchors(table: Table, oldest: Date): Promise<number> {
  const over = [
    ...(await table.list({ partition: ANCHORS })),
    ...(await table.list({ partition: WRITERS })),
  ].filter((row) => (timeIn(row)?.getTime() ?? 0) < oldest.getTime());
  for (const { partition, key, etag } of over)
    await table.apply([{ kind: 'remove', partition, key, etag }]);
  return over.length;
}

/** Newest first: storage has them in the order of their times. */
const genuineAnchors = (rows: readonly StoredRow[], key: LogKey) =>
  rows
    .flatMap((row) => {
      const checked = checkSeal(row, key);
      return checked.ok ? [{ row, sealed: checked.sealed, previous: checked.previous }] : [];
    })
    .toReversed();

const timeIn = (row: StoredRow): Date | undefined =>
  parseTimestamp(textOf(z.object({ time: timestamp }), row)?.time ?? '');

function textOf<T>(schema: z.ZodMiniType<T>, { values }: StoredRow): T | undefined {
  const parsed = parseJsonWith(schema, String(values['json']));
  return parsed.ok ? parsed.value : undefined;
}
