import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore, type KeyStore } from '../../../shared/authority/key-store.ts';
import {
  apply,
  foundKeys,
  type RotationParts,
  type RotationReport,
  rotateKeys,
} from '../../../shared/authority/rotate.ts';
import type { KeyOwner, KeyPurpose, SealedKey } from '../../../shared/authority/signing-key.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, Table } from '../../../shared/storage/table.ts';
import { createParts, createRotatedParts, later, NOON } from './rotation-parts.ts';

const DAY = 24 * 3600;
const NOTHING = { done: [], ignored: [], lost: [] };
const NAMES = ['data/1', 'probe/1', 'ssh-host/1', 'ssh-user/1', 'tls/1', 'tls/2'];

const names = async ({ store }: RotationParts): Promise<string[]> =>
  (await store.list()).keys.map(({ owner, sequence }) => `${owner}/${sequence}`).toSorted();

/** Every key can be opened with the one data key. */
async function expectWhole(parts: RotationParts): Promise<void> {
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
  expect(genuine?.ignored).toEqual([]);
  expect(genuine?.keys.length).toBeGreaterThan(0);
}

test('makes every key once, and then nothing', async () => {
  const parts = createParts();
  expect((await foundKeys(parts, NOON)).done).toHaveLength(6);
  expect(await names(parts)).toEqual(NAMES);
  expect(await rotateKeys(parts, NOON)).toEqual(NOTHING);
  expect(await foundKeys(parts, NOON)).toEqual(NOTHING);
  await expectWhole(parts);
});

test('makes nothing in an empty table, and says what is missing', async () => {
  expect(await rotateKeys(createParts(), NOON)).toEqual({
    ...NOTHING,
    lost: [{ owner: 'data', purpose: 'encrypt' }],
  });
});

test('says what it removed', async () => {
  const parts = await createRotatedParts();
  const { done } = await rotateKeys(parts, later(20 * DAY));
  expect(done).toContainEqual({ kind: 'remove', owner: 'tls', sequence: 2 });
});

describe('what is due is not done', () => {
  test.each([
    { kind: 'mark', owner: 'tls', highest: 2 },
    { kind: 'reseal', owner: 'tls', sequence: 1 },
  ] as const)('without a data key: $kind', async (action) => {
    const parts = await createRotatedParts();
    const before = await parts.store.list();
    expect(await apply(action, undefined, parts)).toBe(false);
    expect(await parts.store.list()).toEqual(before);
  });

  test.each([
    ['of another number', { owner: 'tls', sequence: 2 }],
    ['of another owner', { owner: 'ssh-user', sequence: 1 }],
  ] as const)('to a key %s that is under the newest data key already', async (_, number) => {
    const parts = await createRotatedParts();
    const before = await parts.store.list();
    const genuine = await openGenuineKeys(before, parts, NOON);
    const root = genuine?.keys.find(({ purpose }) => purpose === 'root');
    if (!genuine || !root) throw new Error('there is no root');
    const stale = { ...genuine, stale: [root] };
    expect(await apply({ kind: 'reseal', ...number }, stale, parts)).toBe(false);
    expect(await parts.store.list()).toEqual(before);
    expect(await apply({ kind: 'reseal', owner: 'tls', sequence: 1 }, stale, parts)).toBe(true);
  });
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
  const parts = await createRotatedParts();
  for (const day of [7, 12, 13]) await rotateKeys(parts, later(day * DAY));
  // A run that stops before its removals leaves three keys of each kind that ages.
  const remove = () => Promise.reject(new Error('stopped'));
  const stopping = { ...parts, store: { ...parts.store, remove } };
  await expect(rotateKeys(stopping, later(14 * DAY))).rejects.toThrow('stopped');
  expect(await names(parts)).toHaveLength(10);

  await rotateKeys(parts, later(100 * DAY));
  // The SSH authorities that are over stay until their successors have proved themselves.
  expect(await names(parts)).toHaveLength(NAMES.length + 2);
  expect(await rotateKeys(parts, later(100 * DAY))).toEqual(NOTHING);
  await rotateKeys(parts, later(103 * DAY));
  expect(await names(parts)).toHaveLength(NAMES.length);
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
          replace: async () => true,
          writeMark: s.scheduleFunction(store.writeMark),
          remove: s.scheduleFunction(store.remove),
        };
        const runs = Array.from({ length: count }, () =>
          foundKeys({ ...parts, store: slow }, NOON),
        );
        await s.waitFor(Promise.all(runs));
        expect(await names(parts)).toEqual(NAMES);
        const done = (await Promise.all(runs)).flatMap((report) => report.done);
        expect(done).toHaveLength(NAMES.length);
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
    await expect(foundKeys(parts, NOON)).rejects.toThrow('stopped');
    await foundKeys(parts, NOON);
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
    await foundKeys(parts, NOON);
    expect(await names(parts)).toEqual(NAMES);
    await expectWhole(parts);
  });
});

test('storage that forgets what it was told is an error, not an endless loop', async () => {
  const parts = createParts();
  let rounds = 0;
  const store: KeyStore = {
    async list() {
      rounds += 1;
      return { keys: [], marks: [], strays: [], taken: [] };
    },
    insert: async () => true,
    replace: async () => true,
    writeMark: async () => true,
    remove: async () => {},
  };
  await expect(foundKeys({ ...parts, store }, NOON)).rejects.toThrow('keys are still due');
  expect(rounds).toBe(64);
});

describe('a number is never used twice', () => {
  const told = (report: RotationReport): string[] =>
    report.done.map((action) => `${action.kind} ${action.owner} ${numberOf(action)}`);
  const numberOf = (action: RotationReport['done'][number]): number =>
    action.kind === 'mark' ? action.highest : action.sequence;

  test('also where the row that had it is gone', async () => {
    const parts = await createRotatedParts();
    await parts.store.remove('tls', 2);
    expect(told(await rotateKeys(parts, NOON))).toEqual(['create tls 3']);
    await expectWhole(parts);
  });

  test('by a run that slept while the number came and went', async () => {
    const table = createMemoryTable();
    const parts = createParts(table);
    await foundKeys(parts, NOON);
    let sleeping: (() => void) | undefined;
    const slow: KeyStore = {
      ...parts.store,
      insert: async (...row) => {
        await new Promise<void>((wake) => {
          sleeping ??= wake;
          if (sleeping !== wake) wake();
        });
        return parts.store.insert(...row);
      },
    };
    const late = rotateKeys({ ...parts, store: slow }, later(7 * DAY));
    while (!sleeping) await new Promise((resolve) => setImmediate(resolve));
    for (const day of [7, 14, 28]) await rotateKeys(parts, later(day * DAY));
    sleeping();
    expect(told(await late)).not.toContain('create probe 2');
    await expectWhole(parts);
  });

  test.each<[string, (table: Table) => Promise<unknown>]>([
    ['lost', (table) => removeRow(table, 'tls', 'highest')],
    ['changed', (table) => changeRow(table, 'tls', 'highest', { highest: 1 })],
    ['not in its form', (table) => changeRow(table, 'tls', 'highest', { more: 'x' })],
  ])('a mark that is %s is made again', async (_, change) => {
    const table = createMemoryTable();
    const parts = createParts(table);
    await foundKeys(parts, NOON);
    await change(table);
    expect(told(await rotateKeys(parts, NOON))).toEqual(['mark tls 2']);
    expect(await rotateKeys(parts, NOON)).toEqual(NOTHING);
    await expectWhole(parts);
  });
});

describe('a lost key', () => {
  test.each<[string, KeyOwner, number]>([
    ['data (encrypt)', 'data', 1],
    ['tls (root)', 'tls', 1],
    ['ssh-user (sign)', 'ssh-user', 1],
    ['ssh-host (sign)', 'ssh-host', 1],
  ])('%s is told, and nothing takes its place', async (name, owner, sequence) => {
    const parts = await createRotatedParts();
    await parts.store.remove(owner, sequence);
    const before = await names(parts);
    const { done, lost } = await rotateKeys(parts, NOON);
    expect(lost.map((kind) => `${kind.owner} (${kind.purpose})`)).toEqual([name]);
    expect(done).toEqual([]);
    expect(await names(parts)).toEqual(before);
  });

  test('issuing keys are not made again and again under a root that is gone', async () => {
    const parts = await createRotatedParts();
    await parts.store.remove('tls', 1);
    for (const day of [1, 8]) await rotateKeys(parts, later(day * DAY));
    expect((await names(parts)).filter((name) => name.startsWith('tls'))).toEqual(['tls/2']);
    await rotateKeys(parts, later(14 * DAY));
    expect((await names(parts)).filter((name) => name.startsWith('tls'))).toEqual([]);
  });

  test('an issuing key whose root is gone is replaced at once where there is another root', async () => {
    const parts = await createRotatedParts();
    await parts.store.remove('tls', 1);
    await foundKeys(parts, NOON);
    expect((await names(parts)).filter((name) => name.startsWith('tls'))).toEqual([
      'tls/2',
      'tls/3',
      'tls/4',
    ]);
  });

  test('an issuing key or one of the prober is made again', async () => {
    const parts = await createRotatedParts();
    await parts.store.remove('tls', 2);
    await parts.store.remove('probe', 1);
    const { done, lost } = await rotateKeys(parts, NOON);
    expect(done).toHaveLength(2);
    expect(lost).toEqual([]);
  });
});

test('an issuing key is not made under a root that somebody else wrote', async () => {
  const parts = createParts();
  const stranger = await createRotatedParts();
  const root = (await stranger.store.list()).keys.find(({ purpose }) => purpose === 'root');
  if (root) await parts.store.insert(root);
  expect((await rotateKeys(parts, NOON)).done).toEqual([]);
  expect(await names(parts)).toEqual(['tls/1']);
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
    publicKey: Buffer.of(1),
    certificate: Buffer.of(),
    created: later(1000 * DAY).getTime() / 1000,
    starts: 0,
    expires: later(2000 * DAY).getTime() / 1000,
    sealed: Buffer.alloc(64),
  });

  test('keep no key from being made, take no number from it, and are told', async () => {
    const table = createMemoryTable();
    const parts = createParts(table);
    await foundKeys(parts, NOON);
    await parts.store.insert(garbage('tls', 3, 'issuing'));
    await parts.store.insert(garbage('tls', 999_999_999, 'issuing'));
    await parts.store.insert(garbage('probe', 999_999_999, 'authenticate'));
    await parts.store.insert(garbage('data', 2, 'encrypt'));
    const row = { partition: 'tls', key: '000000004', values: { purpose: 'no key at all' } };
    await table.apply([{ kind: 'insert', row }]);
    const { done, ignored } = await rotateKeys(parts, later(8 * DAY));
    expect(done).toContainEqual(
      expect.objectContaining({ kind: 'create', owner: 'tls', sequence: 5 }),
    );
    expect(done).toContainEqual(
      expect.objectContaining({ kind: 'create', owner: 'probe', sequence: 2 }),
    );
    expect(ignored.toSorted()).toEqual([
      'data/2',
      'probe/999999999',
      'tls/000000004',
      'tls/3',
      'tls/999999999',
    ]);
  });

  test('no new keys take the place of those that can not be read', async () => {
    const parts = await createRotatedParts();
    const before = await names(parts);
    const { custody } = createParts();
    expect((await rotateKeys({ ...parts, custody }, NOON)).done).toEqual([]);
    const down = { ...custody, unwrapDataKey: () => Promise.reject(new Error('down')) };
    await expect(rotateKeys({ ...parts, custody: down }, NOON)).rejects.toThrow('down');
    expect(await names(parts)).toEqual(before);
  });
});

async function removeRow(table: Table, partition: string, key: string): Promise<void> {
  const row = await table.read(partition, key);
  if (row) await table.apply([{ kind: 'remove', partition, key, etag: row.etag }]);
}

async function changeRow(
  table: Table,
  partition: string,
  key: string,
  values: Row['values'],
): Promise<void> {
  const row = await table.read(partition, key);
  if (row)
    await table.apply([
      { kind: 'put', row: { partition, key, values: { ...row.values, ...values } } },
    ]);
}
