import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore, type KeyStore } from '../../../shared/authority/key-store.ts';
import { type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import type { KeyPurpose, SealedKey } from '../../../shared/authority/signing-key.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createParts, createRotatedParts, later, NOON } from './rotation-parts.ts';

const DAY = 24 * 3600;
const NAMES = ['data/1', 'probe/1', 'ssh-host/1', 'ssh-user/1', 'tls/1', 'tls/2'];

const names = async ({ store }: RotationParts): Promise<string[]> =>
  (await store.list()).map(({ owner, sequence }) => `${owner}/${sequence}`).toSorted();

/** Every key can be opened with the one data key. */
async function expectWhole(parts: RotationParts): Promise<void> {
  const genuine = await openGenuineKeys(await parts.store.list(), parts.custody);
  expect(genuine?.foreign).toEqual([]);
  expect(genuine?.keys.length).toBeGreaterThan(0);
}

test('makes every key once, and then nothing', async () => {
  const parts = createParts();
  expect(await rotateKeys(parts, NOON)).toHaveLength(6);
  expect(await names(parts)).toEqual(NAMES);
  expect(await rotateKeys(parts, NOON)).toEqual([]);
  await expectWhole(parts);
});

test('replaces what ages and removes what is over, day by day', async () => {
  const parts = await createRotatedParts();
  for (let day = 1; day <= 20; day += 1) await rotateKeys(parts, later(day * DAY));
  expect(await names(parts)).toEqual([
    'data/1',
    'probe/20',
    'probe/21',
    'ssh-host/1',
    'ssh-user/1',
    'tls/1',
    'tls/3',
    'tls/4',
  ]);
  await expectWhole(parts);
});

test('catches up in one run after months of silence', async () => {
  const parts = createParts();
  for (const day of [0, 7, 12, 13]) await rotateKeys(parts, later(day * DAY));
  // A run that stops before its removals leaves three keys of each kind that ages.
  const remove = () => Promise.reject(new Error('stopped'));
  const stopping = { ...parts, store: { ...parts.store, remove } };
  await expect(rotateKeys(stopping, later(14 * DAY))).rejects.toThrow('stopped');
  expect(await names(parts)).toHaveLength(10);

  await rotateKeys(parts, later(100 * DAY));
  expect(await names(parts)).toHaveLength(NAMES.length);
  expect(await rotateKeys(parts, later(100 * DAY))).toEqual([]);
  await expectWhole(parts);
});

describe('converges', () => {
  test('any number of runs at once, in any order of their steps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 3 }), async (s, count) => {
        const parts = createParts();
        const { store } = parts;
        const slow: KeyStore = {
          list: s.scheduleFunction(store.list),
          insert: s.scheduleFunction(store.insert),
          remove: s.scheduleFunction(store.remove),
        };
        const runs = Array.from({ length: count }, () =>
          rotateKeys({ ...parts, store: slow }, NOON),
        );
        await s.waitFor(Promise.all(runs));
        expect(await names(parts)).toEqual(NAMES);
        expect((await Promise.all(runs)).flat()).toHaveLength(NAMES.length);
        await expectWhole(parts);
      }),
      { numRuns: 20 },
    );
  });

  /** Fails at its n-th write: before it is done, or after. */
  function failingParts(at: number, when: 'before' | 'after'): RotationParts {
    const table = createMemoryTable();
    let writes = 0;
    return {
      ...createParts(),
      store: createKeyStore({
        ...table,
        async apply(operations) {
          writes += 1;
          if (writes === at && when === 'before') throw new Error('stopped');
          const applied = await table.apply(operations);
          if (writes === at && when === 'after') throw new Error('stopped');
          return applied;
        },
      }),
    };
  }

  const stops = NAMES.flatMap((_, i) =>
    (['before', 'after'] as const).map((when) => [when, i + 1] as const),
  );
  test.each(stops)('a run that stopped %s its write %i', async (when, at) => {
    const parts = failingParts(at, when);
    await expect(rotateKeys(parts, NOON)).rejects.toThrow('stopped');
    await rotateKeys(parts, NOON);
    expect(await names(parts)).toEqual(NAMES);
    await expectWhole(parts);
  });

  test('a write whose answer was lost: it says that another one was faster', async () => {
    const table = createMemoryTable();
    const apply: typeof table.apply = async (operations) => {
      await table.apply(operations);
      return false;
    };
    const parts = { ...createParts(), store: createKeyStore({ ...table, apply }) };
    await rotateKeys(parts, NOON);
    expect(await names(parts)).toEqual(NAMES);
    await expectWhole(parts);
  });
});

test('storage that forgets what it was told is an error, not an endless loop', async () => {
  const parts = createParts();
  const store: KeyStore = {
    list: async () => [],
    insert: async () => true,
    remove: async () => {},
  };
  await expect(rotateKeys({ ...parts, store }, NOON)).rejects.toThrow('keys are still due');
});

test('an issuing key is not made under a root that somebody else wrote', async () => {
  const parts = createParts();
  const stranger = await createRotatedParts();
  const root = (await stranger.store.list()).find(({ purpose }) => purpose === 'root');
  if (root) await parts.store.insert(root);
  await expect(rotateKeys(parts, NOON)).rejects.toThrow();
  expect(await names(parts)).not.toContain('tls/2');
});

describe('rows that somebody else wrote', () => {
  const garbage = (
    owner: 'tls' | 'probe' | 'data',
    sequence: number,
    purpose: KeyPurpose,
  ): SealedKey => ({
    owner,
    sequence,
    purpose,
    state: 'signing',
    publicKey: Buffer.of(1),
    certificate: Buffer.of(),
    created: later(1000 * DAY).getTime() / 1000,
    changed: 0,
    expires: later(2000 * DAY).getTime() / 1000,
    sealed: Buffer.alloc(64),
  });

  test('keep no key from being made, take no number from it, and are told', async () => {
    const parts = await createRotatedParts();
    await parts.store.insert(garbage('tls', 3, 'issuing'));
    await parts.store.insert(garbage('tls', 999_999_999, 'issuing'));
    await parts.store.insert(garbage('probe', 999_999_999, 'authenticate'));
    await parts.store.insert(garbage('data', 2, 'encrypt'));
    const told = (await rotateKeys(parts, later(8 * DAY))).map(
      ({ kind, owner, sequence }) => `${kind} ${owner} ${sequence}`,
    );
    expect(told).toContain('create tls 4');
    expect(told).toContain('create probe 2');
    expect(told.filter((text) => text.startsWith('ignore')).toSorted()).toEqual([
      'ignore data 2',
      'ignore probe 999999999',
      'ignore tls 3',
      'ignore tls 999999999',
    ]);
  });

  test('no new keys take the place of those that can not be read, or whose data key is gone', async () => {
    const parts = await createRotatedParts();
    const before = await names(parts);
    await expect(rotateKeys({ ...parts, custody: createParts().custody }, NOON)).rejects.toThrow();
    await parts.store.remove('data', 1);
    await expect(rotateKeys(parts, NOON)).rejects.toThrow('there are keys, but no data key');
    expect(await names(parts)).toEqual(before.filter((name) => name !== 'data/1'));
  });
});
