/** What rotation works on, in memory, with a policy in round numbers. */
import { type Authorities, authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { foundKeys, type RotationParts } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Table } from '../../../shared/storage/table.ts';
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

/** Parts with every key made at noon. */
export async function createRotatedParts(): Promise<RotationParts> {
  const parts = createParts();
  await foundKeys(parts, NOON);
  return parts;
}

/** Authorities with every key made at noon. */
export async function createAuthorities(): Promise<Authorities> {
  const parts = await createRotatedParts();
  const genuine = await openGenuineKeys(await parts.store.list(), parts);
  const authorities = genuine && authoritiesOf(genuine, parts.policy, NOON);
  if (!authorities) throw new Error('the authorities do not open');
  return authorities;
}
