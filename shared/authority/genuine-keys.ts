/**
 * Which rows of the `keys` table are ours. A row that does not authenticate is as good as absent: whoever can write to
 * the table can neither publish a key nor keep a new one from being made.
 */
import { createHash } from 'node:crypto';
import { keepLatest } from '../remembered.ts';
import { countKeys } from './count-keys.ts';
import type { Custody } from './custody.ts';
import type { StoredKeys } from './key-store.ts';
import { isGenuineMark, openKey } from './sealing.ts';
import {
  describeKey,
  type KeyDescription,
  type KeyOwner,
  type OpenedKey,
  type SealedKey,
  type SealedMark,
} from './signing-key.ts';

export interface GenuineKeys {
  /** The key that all other private keys are encrypted with; its row. */
  readonly dataKey: Uint8Array;
  readonly dataRow: SealedKey;
  /** The data key before it, whose row is still there: what is stale is encrypted under it. */
  readonly earlierRow: SealedKey | undefined;
  readonly keys: readonly OpenedKey[];
  /** Issuing keys whose root is not there: they sign nothing that anybody would believe. */
  readonly orphans: readonly OpenedKey[];
  /** Keys that a successor put an end to: as good as absent, whoever brings their rows back. */
  readonly ended: readonly OpenedKey[];
  readonly marks: readonly SealedMark[];
  /** Keys, orphans among them, and owners of marks that have to be encrypted anew. */
  readonly stale: readonly OpenedKey[];
  readonly staleMarks: readonly KeyOwner[];
  /** ETags of the rows where marks are, genuine or not. */
  readonly markTags: ReadonlyMap<KeyOwner, string>;
  /** Names of the rows that count for nothing. */
  readonly ignored: readonly string[];
}

/** Whose keys: a data key is good for one cluster only. */
export interface KeyOpener {
  readonly custody: Custody;
  readonly cluster: string;
}

/** Opens all rows; `undefined` where no data key is genuine. Throws where custody can't be asked. */
export async function openGenuineKeys(
  stored: StoredKeys,
  opener: KeyOpener,
  now: Date,
): Promise<GenuineKeys | undefined> {
  const data = await openDataRow(stored.keys, opener);
  if (!data) return undefined;
  const { dataKey, dataRow } = data;
  const earlier = await openEarlierRow(stored.keys, dataRow, opener, now);
  const dataKeys = earlier ? [dataKey, earlier.dataKey] : [dataKey];
  const opened: OpenedKey[] = [];
  const stale: OpenedKey[] = [];
  const ignored = [...stored.strays];
  for (const row of stored.keys) {
    if (row === dataRow || row === earlier?.dataRow) continue;
    const found = row.owner === 'data' ? undefined : openWithAny(dataKeys, row);
    if (found) opened.push(found.key);
    else ignored.push(rowName(row));
    if (found?.isStale) stale.push(found.key);
  }
  const marks: SealedMark[] = [];
  const staleMarks: KeyOwner[] = [];
  const markTags = new Map<KeyOwner, string>();
  for (const mark of stored.marks) {
    if (mark.etag !== undefined) markTags.set(mark.owner, mark.etag);
    const under = dataKeys.find((key) => isGenuineMark(key, mark));
    if (under) marks.push(mark);
    else ignored.push(`${mark.owner}/highest`);
    if (under && under !== dataKey) staleMarks.push(mark.owner);
  }
  const { alive, ended, orphans, foreign } = await countKeys(opened, opener.custody);
  ignored.push(...foreign.map(rowName));
  return {
    dataKey,
    dataRow,
    earlierRow: earlier?.dataRow,
    keys: alive,
    orphans,
    ended,
    marks,
    stale: stale.filter((key) => !foreign.includes(key)),
    staleMarks,
    markTags,
    ignored,
  };
}

const rowName = ({ owner, sequence }: KeyDescription): string => `${owner}/${sequence}`;

/** Names a row as it is stored. */
export const hashOf = ({ sealed }: SealedKey): string =>
  createHash('sha256').update(sealed).digest('hex');

/** What the data key's row has to be wrapped with: its whole description, and the cluster that it is for. */
export const describeDataKey = (row: KeyDescription, cluster: string): string =>
  JSON.stringify([cluster, describeKey(row)]);

/** The newest data key that custody opens: one that was given up does not come back with its row. */
async function openDataRow(
  rows: readonly SealedKey[],
  { custody, cluster }: KeyOpener,
): Promise<Pick<GenuineKeys, 'dataKey' | 'dataRow'> | undefined> {
  const candidates = rows
    .filter(({ owner }) => owner === 'data')
    .toSorted((a, b) => b.sequence - a.sequence);
  for (const dataRow of candidates) {
    const about = describeDataKey(dataRow, cluster);
    // Where custody can't say, an older one must not take the place of one that may be genuine.
    const dataKey = await custody.unwrapDataKey(dataRow.sealed, about);
    if (dataKey) return { dataKey, dataRow };
  }
  return undefined;
}

/**
 * The data key that the newest one took over from, for as long as that one says: afterwards it counts for nothing, whoever
 * brings its row back.
 */
async function openEarlierRow(
  rows: readonly SealedKey[],
  { takenOver }: SealedKey,
  { custody, cluster }: KeyOpener,
  now: Date,
): Promise<Pick<GenuineKeys, 'dataKey' | 'dataRow'> | undefined> {
  if (!takenOver || takenOver.until * 1000 <= now.getTime()) return undefined;
  const dataRow = rows.find(
    (row) =>
      row.owner === 'data' && row.sequence === takenOver.from && hashOf(row) === takenOver.row,
  );
  if (!dataRow) return undefined;
  const dataKey = await custody.unwrapDataKey(dataRow.sealed, describeDataKey(dataRow, cluster));
  return dataKey && { dataKey, dataRow };
}

/** The key with its private part; stale where it is not encrypted under the newest of the data keys. */
function openWithAny(
  dataKeys: readonly Uint8Array[],
  row: SealedKey,
): { readonly key: OpenedKey; readonly isStale: boolean } | undefined {
  for (const [index, dataKey] of dataKeys.entries()) {
    try {
      return { key: { ...row, secret: openKey(dataKey, row) }, isStale: index > 0 };
    } catch {
      // Not under this one.
    }
  }
  return undefined;
}

const MOST_REMEMBERED = 4;

/** The same custody, which is asked once for the same data key and root: callers can't make the vault work by asking again. */
export function rememberKeys(custody: Custody): Custody {
  const dataKeys = new Map<string, Uint8Array>();
  const roots = new Map<string, Uint8Array>();
  return {
    ...custody,
    unwrapDataKey: (wrapped, about) =>
      remembered(dataKeys, JSON.stringify([base64Of(wrapped), about]), () =>
        custody.unwrapDataKey(wrapped, about),
      ),
    publicKeyOfRoot: (handle) =>
      remembered(roots, base64Of(handle), () => custody.publicKeyOfRoot(handle)),
  };
}

async function remembered(
  known: Map<string, Uint8Array>,
  id: string,
  ask: () => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  const before = known.get(id);
  if (before) return before;
  const key = await ask();
  if (key) keepLatest(known, id, key, MOST_REMEMBERED);
  return key;
}

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
