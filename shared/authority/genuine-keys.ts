/**
 * Which rows of the `keys` table are ours. A row that does not authenticate is as good as absent: whoever can write to
 * the table can neither publish a key nor keep a new one from being made.
 */
import type { Custody } from './custody.ts';
import { openKey } from './sealing.ts';
import type { KeyDescription, SealedKey } from './signing-key.ts';

/** A key with its private part. */
export interface OpenedKey extends KeyDescription {
  readonly secret: Uint8Array;
}

export interface GenuineKeys {
  /** The key that all other private keys are encrypted with; its row. */
  readonly dataKey: Uint8Array;
  readonly dataRow: SealedKey;
  readonly keys: readonly OpenedKey[];
  /** Rows that don't authenticate. */
  readonly foreign: readonly SealedKey[];
}

/**
 * Opens all rows; `undefined` if there is none at all. Throws where rows are there but no data key opens: new keys must
 * never silently take the place of those that can't be read now.
 */
export async function openGenuineKeys(
  rows: readonly SealedKey[],
  custody: Custody,
): Promise<GenuineKeys | undefined> {
  if (rows.length === 0) return undefined;
  const data = await openDataRow(rows, custody);
  const keys: OpenedKey[] = [];
  const foreign: SealedKey[] = [];
  for (const row of rows) {
    if (row === data.dataRow) continue;
    const secret = row.owner === 'data' ? undefined : secretOf(row, data.dataKey);
    if (secret) keys.push({ ...row, secret });
    else foreign.push(row);
  }
  return { ...data, keys, foreign };
}

/** The newest data key that custody opens. */
async function openDataRow(
  rows: readonly SealedKey[],
  custody: Custody,
): Promise<Pick<GenuineKeys, 'dataKey' | 'dataRow'>> {
  const candidates = rows
    .filter(({ owner }) => owner === 'data')
    .toSorted((a, b) => b.sequence - a.sequence);
  let failure: unknown = new Error('there are keys, but no data key');
  for (const dataRow of candidates) {
    try {
      return { dataKey: await custody.unwrapDataKey(dataRow.sealed), dataRow };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function secretOf(row: SealedKey, dataKey: Uint8Array): Uint8Array | undefined {
  try {
    return openKey(dataKey, row);
  } catch {
    return undefined;
  }
}

const MOST_REMEMBERED = 4;

/** The same custody, which unwraps the same data key once: callers can't make the vault work by asking again. */
export function rememberDataKeys(custody: Custody): Custody {
  const unwrapped = new Map<string, Uint8Array>();
  return {
    ...custody,
    async unwrapDataKey(wrapped) {
      const id = Buffer.from(wrapped).toString('base64');
      const dataKey = unwrapped.get(id) ?? (await custody.unwrapDataKey(wrapped));
      const [oldest] = unwrapped.keys();
      if (!unwrapped.has(id) && unwrapped.size >= MOST_REMEMBERED && oldest !== undefined) {
        unwrapped.delete(oldest);
      }
      unwrapped.set(id, dataKey);
      return dataKey;
    },
  };
}
