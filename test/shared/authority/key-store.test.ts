import { expect, test } from 'vitest';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { NEVER, type SealedKey } from '../../../shared/authority/signing-key.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const key: SealedKey = {
  owner: 'tls',
  sequence: 12,
  purpose: 'root',
  publicKey: Buffer.from('public'),
  certificate: Buffer.from('certificate'),
  created: 1_795_000_000,
  starts: 1_795_000_001,
  expires: NEVER,
  sealed: Buffer.from('sealed'),
};

test('a key comes back as it was', async () => {
  const store = createKeyStore(createMemoryTable());
  expect(await store.insert(key)).toBe(true);
  expect((await store.list()).keys).toEqual([key]);
});

test('a number is taken once by each owner', async () => {
  const store = createKeyStore(createMemoryTable());
  expect(await store.insert(key)).toBe(true);
  expect(await store.insert({ ...key, purpose: 'issuing' })).toBe(false);
  expect(await store.insert({ ...key, sequence: 13 })).toBe(true);
  expect(await store.insert({ ...key, owner: 'ssh-user' })).toBe(true);
  expect((await store.list()).keys).toHaveLength(3);
});

test('rows sort as their numbers do', async () => {
  const table = createMemoryTable();
  const store = createKeyStore(table);
  for (const sequence of [9, 10, 111_111_111]) await store.insert({ ...key, sequence });
  const keys = (await table.list({ partition: 'tls' })).map((row) => row.key);
  expect(keys.toSorted()).toEqual(keys);
});

test('removes one key; one that is gone is no error', async () => {
  const store = createKeyStore(createMemoryTable());
  await store.insert(key);
  await store.insert({ ...key, sequence: 13 });
  await store.remove('tls', 12);
  await store.remove('tls', 12);
  expect((await store.list()).keys.map(({ sequence }) => sequence)).toEqual([13]);
});
