import { describe, expect, test } from 'vitest';
import { createKeyStore, readRows, rowOf, rowOfMark } from '../../../shared/authority/key-store.ts';
import { NEVER, type SealedKey } from '../../../shared/authority/signing-key.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Operation, Row } from '../../../shared/storage/table.ts';

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

test('a row of an owner that there is not is none of ours, whatever it says', () => {
  const row = { ...rowOf(key), partition: 'nosuch', etag: '' };
  const mark = { ...rowOfMark({ owner: 'tls', highest: 3, sealed: Buffer.of(1) }), etag: '' };
  expect(readRows([row, { ...mark, partition: 'nosuch' }])).toEqual({
    keys: [],
    marks: [],
    taken: [],
    strays: ['nosuch/000000012', 'nosuch/highest'],
  });
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

test('a key comes together with the end of others, those that are gone left out', async () => {
  const store = createKeyStore(createMemoryTable());
  for (const sequence of [9, 10, 11]) await store.insert({ ...key, sequence });
  expect(await store.insert(key, undefined, [8, 9, 11])).toBe(true);
  expect((await store.list()).keys.map(({ sequence }) => sequence)).toEqual([10, 12]);
});

test.each([
  ['changed', (row: Row, etag: string): Operation => ({ kind: 'replace', row, etag })],
  [
    'removed',
    ({ partition, key }: Row, etag: string): Operation => ({
      kind: 'remove',
      partition,
      key,
      etag,
    }),
  ],
])('a key is not written where what it ends is %s meanwhile', async (_, meanwhile) => {
  const table = createMemoryTable();
  await createKeyStore(table).insert({ ...key, sequence: 11 });
  const store = createKeyStore({
    ...table,
    async read(partition, name) {
      const row = await table.read(partition, name);
      if (row) await table.apply([meanwhile({ ...row, values: { ...row.values } }, row.etag)]);
      return row;
    },
  });
  expect(await store.insert(key, undefined, [11])).toBe(false);
  expect((await table.list({})).map((row) => row.key)).not.toContain('000000012');
});

const whole: SealedKey = {
  ...key,
  ended: [{ sequence: 11, at: 1_795_000_000 }],
  cross: { by: 10, certificate: Buffer.from('cross') },
  takenOver: { from: 3, row: 'hash', until: 1_795_000_002, logKeys: Buffer.from('log') },
};

test('all that a key may say comes back, too', async () => {
  const store = createKeyStore(createMemoryTable());
  await store.insert(whole);
  expect(await store.list()).toEqual({
    keys: [whole],
    marks: [],
    strays: [],
    taken: [{ owner: 'tls', sequence: 12 }],
  });
});

/** The rows of a table that holds this one. */
async function rowsOf(row: Row) {
  const table = createMemoryTable();
  await table.apply([{ kind: 'insert', row }]);
  return readRows(await table.list({}));
}

describe('a row is no key that says the same in other words:', () => {
  const row = rowOf(whole);
  const having = (values: Row['values']): Row => ({ ...row, values: { ...row.values, ...values } });
  const { takenFrom: _, ...without } = row.values;

  test.each<[string, Row]>([
    ['its number written shorter', { ...row, key: '12' }],
    ['its number written longer', { ...row, key: '0000000012' }],
    ['number 0', { ...row, key: '000000000' }],
    ['a column more', having({ more: 1 })],
    ['a column less', { ...row, values: without }],
    ['a time as text', having({ created: '1795000000' })],
    ['base64 of another form', having({ sealed: 'c2VhbGVk=' })],
    ['what was ended, that is no JSON', having({ ended: '[' })],
    ['what was ended, with a space', having({ ended: `${row.values['ended']} ` })],
    ['another certificate that is none', having({ crossCertificate: '!' })],
  ])('%s', async (_name, bent) => {
    const { keys, strays } = await rowsOf(bent);
    expect(keys).toEqual([]);
    expect(strays).toEqual([`${bent.partition}/${bent.key}`]);
  });

  test('but its number is taken where it is written as ours are', async () => {
    expect((await rowsOf(having({ more: 1 }))).taken).toEqual([{ owner: 'tls', sequence: 12 }]);
    for (const other of ['12', '0000000012', 'x00000012', '00000001x'])
      expect((await rowsOf({ ...row, key: other })).taken).toEqual([]);
  });

  test('of an owner that there is not, nothing is read, and its name is told in plain letters', async () => {
    const { strays, taken, keys } = await rowsOf({
      ...row,
      partition: 'tl\u212a\n',
      key: 'k'.repeat(70),
    });
    expect({ strays, taken, keys }).toEqual({
      strays: [`tl??/${'k'.repeat(64)}`],
      taken: [],
      keys: [],
    });
  });
});

describe('the mark of an owner', () => {
  const mark = { owner: 'tls', highest: 12, sealed: Buffer.from('mark') } as const;

  test('is written together with a key, or alone, and replaced only as it was read', async () => {
    const store = createKeyStore(createMemoryTable());
    expect(await store.insert(key, mark)).toBe(true);
    expect(await store.insert({ ...key, sequence: 13 }, mark)).toBe(false);
    const { keys, marks, strays } = await store.list();
    expect([keys.length, strays]).toEqual([1, []]);
    expect(marks).toMatchObject([mark]);
    const [stored] = marks;
    expect(stored && (await store.writeMark({ ...stored, highest: 13 }))).toBe(true);
    expect(stored && (await store.writeMark({ ...stored, highest: 14 }))).toBe(false);
    expect((await store.list()).marks).toMatchObject([{ highest: 13 }]);
  });

  test('is worth nothing that is not in its form', async () => {
    const row = rowOfMark(mark);
    for (const values of [{ ...row.values, more: 1 }, { ...row.values, highest: '12' }, {}]) {
      const { marks, strays } = await rowsOf({ ...row, values });
      expect(marks).toMatchObject([{ owner: 'tls', highest: 0 }]);
      expect(marks[0]?.sealed).toHaveLength(0);
      expect(strays).toEqual([]);
    }
  });
});

test('a key takes the place of the very key that it is made from', async () => {
  const store = createKeyStore(createMemoryTable());
  await store.insert(key);
  const after = { ...key, expires: 1_796_000_000 };
  expect(await store.replace({ ...key, starts: 1 }, after)).toBe(false);
  expect(await store.replace({ ...key, sequence: 13 }, after)).toBe(false);
  expect((await store.list()).keys).toEqual([key]);
  expect(await store.replace(key, after)).toBe(true);
  expect((await store.list()).keys).toEqual([after]);
});
