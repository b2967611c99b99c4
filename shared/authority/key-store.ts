/** The `keys` table: one row for each key, its sequence number the row's key. */
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
import type { StoredRow, Table } from '../storage/table.ts';
import type { KeyOwner, KeyPurpose, KeyState, SealedKey } from './signing-key.ts';

export interface KeyStore {
  list(): Promise<readonly SealedKey[]>;
  /** `false` if another one was faster with this sequence number. */
  insert(key: SealedKey): Promise<boolean>;
  remove(owner: KeyOwner, sequence: number): Promise<void>;
}

export function createKeyStore(table: Table): KeyStore {
  return {
    list: async () => (await table.list({})).map(keyOf),
    insert: (key) => table.apply([{ kind: 'insert', row: rowOf(key) }]),
    async remove(owner, sequence) {
      const row = await table.read(owner, rowKey(sequence));
      if (row)
        await table.apply([
          { kind: 'remove', partition: owner, key: rowKey(sequence), etag: row.etag },
        ]);
    },
  };
}

const rowKey = (sequence: number): string => String(sequence).padStart(9, '0');

const rowOf = (key: SealedKey) => ({
  partition: key.owner,
  key: rowKey(key.sequence),
  values: {
    purpose: key.purpose,
    state: key.state,
    publicKey: encodeBase64(key.publicKey),
    certificate: encodeBase64(key.certificate),
    created: key.created,
    changed: key.changed,
    expires: key.expires,
    sealed: encodeBase64(key.sealed),
  },
});

/** What a row says is believed only once it authenticates (`openKey`), so a cast is enough here. */
function keyOf({ partition, key, values }: StoredRow): SealedKey {
  const bytes = (column: string): Uint8Array =>
    decodeBase64(String(values[column] ?? '')) ?? new Uint8Array();
  return {
    owner: partition as KeyOwner,
    sequence: Number(key),
    purpose: String(values['purpose']) as KeyPurpose,
    state: String(values['state']) as KeyState,
    publicKey: bytes('publicKey'),
    certificate: bytes('certificate'),
    created: Number(values['created']),
    changed: Number(values['changed']),
    expires: Number(values['expires']),
    sealed: bytes('sealed'),
  };
}
