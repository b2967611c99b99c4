/** The `keys` table: one row for each key, its sequence number the row's key, and one for each owner's highest number. */
import { isDeepStrictEqual } from 'node:util';
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
import type { Operation, Row, StoredRow, Table } from '../storage/table.ts';
import type { KeyNumber } from './rotation.ts';
import {
  type EndedKey,
  KEY_OWNERS,
  type KeyOwner,
  type KeyPurpose,
  type SealedKey,
  type SealedMark,
} from './signing-key.ts';

export interface StoredKeys {
  readonly keys: readonly SealedKey[];
  /** One where an owner's mark belongs, whatever stands there. */
  readonly marks: readonly SealedMark[];
  /** Names of rows that are not in the one form that we write. */
  readonly strays: readonly string[];
  /** Numbers that no new row can have, whatever stands there. */
  readonly taken: readonly KeyNumber[];
}

export interface KeyStore {
  list(): Promise<StoredKeys>;
  /**
   * Writes a key together with its owner's mark, and removes the rows that it puts an end to: whoever stops, and whatever
   * becomes of the key, they are gone. `false` if another one was faster: nothing was written.
   */
  insert(key: SealedKey, mark?: SealedMark, ends?: readonly number[]): Promise<boolean>;
  /** Puts a key in the place of the same key that says something else. `false` if another one was faster. */
  replace(before: SealedKey, after: SealedKey): Promise<boolean>;
  /** Writes a mark alone. `false` if another one was faster. */
  writeMark(mark: SealedMark): Promise<boolean>;
  remove(owner: KeyOwner, sequence: number): Promise<void>;
}

const MARK = 'highest';

export function createKeyStore(table: Table): KeyStore {
  return {
    list: async () => readRows(await table.list({})),
    async insert(key, mark, ends = []) {
      const ended = await Promise.all(ends.map((number) => table.read(key.owner, rowKey(number))));
      return table.apply([
        { kind: 'insert', row: rowOf(key) },
        ...(mark ? [writing(mark)] : []),
        ...ended.filter((row) => row !== undefined).map(removing),
      ]);
    },
    async replace(before, after) {
      const row = await table.read(before.owner, rowKey(before.sequence));
      if (!row || !isWrittenAs(row, rowOf(before))) return false;
      return table.apply([{ kind: 'replace', row: rowOf(after), etag: row.etag }]);
    },
    writeMark: (mark) => table.apply([writing(mark)]),
    async remove(owner, sequence) {
      const row = await table.read(owner, rowKey(sequence));
      if (row) await table.apply([removing(row)]);
    },
  };
}

/** What rows say, wherever they come from. */
export function readRows(rows: readonly StoredRow[]): StoredKeys {
  const ours = rows.filter(isOwned);
  const keys = ours.map(keyOf).filter((key) => key !== undefined);
  const marks = ours.filter(({ key }) => key === MARK).map(markOf);
  const known = new Set([...keys.map(rowId), ...marks.map(({ owner }) => `${owner}/${MARK}`)]);
  return {
    keys,
    marks,
    strays: rows.filter((row) => !known.has(`${row.partition}/${row.key}`)).map(rowName),
    taken: ours
      .filter(({ key }) => /^\d{9}$/.test(key))
      .map(({ partition, key }) => ({ owner: partition as KeyOwner, sequence: Number(key) })),
  };
}

export const rowId = ({ owner, sequence }: KeyNumber): string => `${owner}/${rowKey(sequence)}`;

const rowKey = (sequence: number): string => String(sequence).padStart(9, '0');

export const rowOf = (key: SealedKey): Row => ({
  partition: key.owner,
  key: rowKey(key.sequence),
  values: {
    purpose: key.purpose,
    publicKey: encodeBase64(key.publicKey),
    certificate: encodeBase64(key.certificate),
    created: key.created,
    starts: key.starts,
    expires: key.expires,
    sealed: encodeBase64(key.sealed),
    ...(key.ended && { ended: JSON.stringify(key.ended) }),
    ...(key.cross && {
      crossBy: key.cross.by,
      crossCertificate: encodeBase64(key.cross.certificate),
    }),
    ...(key.takenOver && {
      takenFrom: key.takenOver.from,
      takenRow: key.takenOver.row,
      takenUntil: key.takenOver.until,
      logKeys: encodeBase64(key.takenOver.logKeys),
    }),
  },
});

export const rowOfMark = ({ owner, highest, sealed }: SealedMark): Row => ({
  partition: owner,
  key: MARK,
  values: { highest, sealed: encodeBase64(sealed) },
});

const removing = ({ partition, key, etag }: StoredRow): Operation => ({
  kind: 'remove',
  partition,
  key,
  etag,
});

function writing(mark: SealedMark): Operation {
  const row = rowOfMark(mark);
  return mark.etag === undefined
    ? { kind: 'insert', row }
    : { kind: 'replace', row, etag: mark.etag };
}

/**
 * What a row says is believed only once it authenticates, so a cast is enough here. But it has to be the very row that
 * we would write: the same key in other words would be there twice.
 */
function keyOf(row: StoredRow): SealedKey | undefined {
  const { values } = row;
  const ended = endedOf(values['ended']);
  const key: SealedKey = {
    owner: row.partition as KeyOwner,
    sequence: Number(row.key),
    purpose: values['purpose'] as KeyPurpose,
    publicKey: bytesOf(values['publicKey']),
    certificate: bytesOf(values['certificate']),
    created: Number(values['created']),
    starts: Number(values['starts']),
    expires: Number(values['expires']),
    sealed: bytesOf(values['sealed']),
    ...(ended && { ended }),
    ...(values['crossBy'] !== undefined && {
      cross: { by: Number(values['crossBy']), certificate: bytesOf(values['crossCertificate']) },
    }),
    ...(values['takenFrom'] !== undefined && {
      takenOver: {
        from: Number(values['takenFrom']),
        row: String(values['takenRow'] ?? ''),
        until: Number(values['takenUntil']),
        logKeys: bytesOf(values['logKeys']),
      },
    }),
  };
  return key.sequence > 0 && isWrittenAs(row, rowOf(key)) ? key : undefined;
}

/** What is no JSON is left out, and then the row is not the one that we would write. */
function endedOf(value: unknown): readonly EndedKey[] | undefined {
  try {
    return value === undefined ? undefined : (JSON.parse(String(value)) as readonly EndedKey[]);
  } catch {
    return undefined;
  }
}

/** A mark that is not in its form is worth nothing, and is replaced. */
function markOf(row: StoredRow): SealedMark {
  const { values, etag } = row;
  const owner = row.partition as KeyOwner;
  const mark = {
    owner,
    highest: Number(values['highest']),
    sealed: bytesOf(values['sealed']),
    etag,
  };
  return isWrittenAs(row, rowOfMark(mark)) ? mark : { ...mark, highest: 0, sealed: bytesOf('') };
}

const isOwned = ({ partition }: StoredRow): boolean =>
  (KEY_OWNERS as readonly string[]).includes(partition);

const isWrittenAs = ({ partition, key, values }: StoredRow, row: Row): boolean =>
  isDeepStrictEqual({ partition, key, values }, row);

const bytesOf = (value: unknown): Uint8Array =>
  decodeBase64(String(value ?? '')) ?? new Uint8Array();

/** As it is told: it may hold anything. */
export const rowName = ({ partition, key }: Row): string =>
  [partition, key].map((text) => text.replace(/[^\x21-\x7e]/g, '?').slice(0, 64)).join('/');
