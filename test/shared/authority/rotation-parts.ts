/** What rotation works on, in memory, with a policy in round numbers. */
import { type Authorities, authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { foundKeys, type RotationParts } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, StoredRow, Table } from '../../../shared/storage/table.ts';
import { createMemoryCustody } from '../../broker/memory-custody.ts';

export const NOON = new Date('2026-11-20T12:00:00Z');

export const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

export function createParts(table: Table = createMemoryTable()): RotationParts {
  return {
    store: createKeyStore(table),
    custody: createMemoryCustody(),
    policy: ROTATION_POLICY,
    cluster: 'test.example.org',
  };
}

export interface Scene {
  readonly table: Table;
  readonly parts: RotationParts;
}

/** Parts with every key made at noon, and the table that they are in. */
export async function createScene(): Promise<Scene> {
  const table = createMemoryTable();
  const parts = createParts(table);
  await foundKeys(parts, NOON);
  return { table, parts };
}

export const createRotatedParts = async (): Promise<RotationParts> => (await createScene()).parts;

/** What the keys are for at a point in time. */
export async function authoritiesAt(parts: RotationParts, at: Date): Promise<Authorities> {
  const genuine = await openGenuineKeys(await parts.store.list(), parts, at);
  const found = genuine && authoritiesOf(genuine, parts.policy, at);
  if (!found) throw new Error('a key is missing');
  return found;
}

/** Authorities with every key made at noon. */
export const createAuthorities = async (): Promise<Authorities> =>
  authoritiesAt(await createRotatedParts(), NOON);

/** As somebody does who can write to the table: a row in its place, whatever is there. */
export async function putRow(table: Table, { partition, key, values }: Row): Promise<void> {
  await table.apply([{ kind: 'put', row: { partition, key, values } }]);
}

/** The same, with a row that goes. Gives it, if it was there. */
export async function takeRow(
  table: Table,
  partition: string,
  key: string,
): Promise<StoredRow | undefined> {
  const row = await table.read(partition, key);
  if (row) await table.apply([{ kind: 'remove', partition, key, etag: row.etag }]);
  return row;
}
