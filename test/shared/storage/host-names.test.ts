import { describe, expect, test } from 'vitest';
import { createHostNames, type NameHolder } from '../../../shared/storage/host-names.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Operation, Table } from '../../../shared/storage/table.ts';
import { watchTables } from '../../broker/watched-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;
const NAME = 'web.group1.test.example.org';
const OTHER = 'www.test.example.org';

const holder = (change: Partial<NameHolder> = {}): NameHolder => ({
  machine: 'azure:tenant:/subscriptions/…/web',
  incarnation: 'vm-1',
  owner: 'host:Node',
  instance: 'i1',
  ...change,
});
const stranger = holder({ machine: 'azure:tenant:/subscriptions/…/evil', instance: 'i9' });

test('a name belongs to the machine that first got it', async () => {
  const names = createHostNames(createMemoryTable());
  expect(await names.claim([NAME], holder(), NOON)).toEqual({
    ok: true,
    added: [NAME],
    before: [],
  });
  const held = { ...holder(), name: NAME, since: noon, gone: [] };
  expect(await names.claim([NAME], stranger, NOON)).toEqual({ ok: false, taken: held });
  expect(await names.read(NAME)).toEqual(held);
});

test('another instance of the same machine has it, too, and since when stays what it was', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME], holder(), NOON);
  const later = new Date(NOON.getTime() + 60_000);
  expect(await names.claim([NAME], holder({ instance: 'i2' }), later)).toEqual({
    ok: true,
    added: [],
    before: [],
  });
  expect(await names.read(NAME)).toMatchObject({ instance: 'i2', since: noon });
});

test('a machine that was made anew takes it over, and tells whose it was', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME, OTHER], holder(), NOON);
  const anew = holder({ incarnation: 'vm-2', instance: 'i2' });
  const claim = await names.claim([NAME, OTHER], anew, NOON);
  expect(claim).toMatchObject({ ok: true, before: [holder(), holder()] });
  expect(await names.read(NAME)).toMatchObject(anew);
});

test('what was taken over never comes back, although its evidence may be fresh for minutes', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME], holder(), NOON);
  const anew = holder({ incarnation: 'vm-2', instance: 'i2' });
  await names.claim([NAME], anew, NOON);
  const late = holder({ instance: 'i3' });
  expect(await names.claim([NAME], late, NOON)).toMatchObject({ ok: false, taken: anew });
  expect(await names.claim([OTHER, NAME], late, NOON)).toMatchObject({ ok: false, taken: anew });
  expect(await names.read(OTHER)).toBeUndefined();
  const third = holder({ incarnation: 'vm-3', instance: 'i4' });
  expect(await names.claim([NAME], third, NOON)).toMatchObject({ ok: true, before: [anew] });
  for (const gone of [holder(), anew]) {
    expect(await names.claim([NAME], gone, NOON)).toMatchObject({ ok: false, taken: third });
  }
});

test('remembers sixteen machines that are gone, and no more: a row does not grow for ever', async () => {
  const names = createHostNames(createMemoryTable());
  for (let i = 0; i < 40; i += 1) {
    await names.claim([NAME], holder({ incarnation: `vm-${i}`, instance: `i${i}` }), NOON);
  }
  const gone = Array.from({ length: 16 }, (_, i) => `vm-${23 + i}`);
  expect(await names.read(NAME)).toMatchObject({ incarnation: 'vm-39', gone });
});

describe('an operator frees a name', () => {
  test('although its machine renews itself at that moment', async () => {
    const table = createMemoryTable();
    const names = createHostNames(table);
    await names.claim([NAME], holder(), NOON);
    const raced = meanwhile(table, 'remove', () =>
      names.claim([NAME], holder({ instance: 'i2' }), NOON),
    );
    expect(await createHostNames(raced).free(NAME)).toBe(true);
    expect(await names.read(NAME)).toBeUndefined();
  });

  test('but not from whom has got it since', async () => {
    const table = createMemoryTable();
    const names = createHostNames(table);
    await names.claim([NAME], holder(), NOON);
    const raced = meanwhile(table, 'remove', async () => {
      await names.free(NAME);
      await names.claim([NAME], stranger, NOON);
    });
    expect(await createHostNames(raced).free(NAME)).toBe(true);
    expect(await names.read(NAME)).toMatchObject(stranger);
  });

  test("and the SDK's own second try finds it gone", async () => {
    const storage = watchTables();
    const names = createHostNames(storage.tables.names);
    await names.claim([NAME], holder(), NOON);
    storage.fail('names', 'tried_twice');
    expect(await names.free(NAME)).toBe(true);
    expect(await names.read(NAME)).toBeUndefined();
  });
});

test('is free again once an operator freed it', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME], holder(), NOON);
  expect(await names.free(NAME)).toBe(true);
  expect(await names.free(NAME)).toBe(false);
  expect(await names.claim([NAME], stranger, NOON)).toMatchObject({ ok: true });
});

describe('several names are claimed all or none:', () => {
  test('what was free a moment ago is free again, and what was held stays', async () => {
    const names = createHostNames(createMemoryTable());
    await names.claim([OTHER], stranger, NOON);
    const mine = 'mine.test.example.org';
    await names.claim([mine], holder(), NOON);
    const claim = await names.claim([NAME, mine, OTHER], holder(), NOON);
    expect(claim).toMatchObject({ ok: false, taken: { name: OTHER, machine: stranger.machine } });
    expect(await names.read(NAME)).toBeUndefined();
    expect(await names.read(mine)).toMatchObject(holder());
  });

  test('a machine made anew that is denied one of them has taken none over: whose they were is not forgotten', async () => {
    const names = createHostNames(createMemoryTable());
    await names.claim([NAME], holder(), NOON);
    await names.claim([OTHER], stranger, NOON);
    const anew = holder({ incarnation: 'vm-2', instance: 'i2' });
    expect(await names.claim([NAME, OTHER], anew, NOON)).toMatchObject({ ok: false });
    expect(await names.read(NAME)).toMatchObject(holder());
    await names.free(OTHER);
    expect(await names.claim([NAME, OTHER], anew, NOON)).toMatchObject({
      ok: true,
      before: [holder()],
    });
  });

  test('also where another machine is faster while they are written', async () => {
    const table = createMemoryTable();
    const names = createHostNames(table);
    const mine = 'mine.test.example.org';
    await names.claim([mine], holder(), NOON);
    const raced = meanwhile(table, 'insert', () => names.claim([OTHER], stranger, NOON));
    const anew = holder({ incarnation: 'vm-2', instance: 'i2' });
    const claim = await createHostNames(raced).claim([mine, NAME, OTHER], anew, NOON);
    expect(claim).toMatchObject({ ok: false, taken: stranger });
    expect(await names.read(NAME)).toBeUndefined();
    expect(await names.read(mine)).toMatchObject(holder());
  });

  test('what a later instance of the machine has got since is not given back', async () => {
    const table = createMemoryTable();
    const names = createHostNames(table);
    const second = holder({ instance: 'i2' });
    const raced = meanwhile(table, 'insert', async (key) => {
      if (key !== OTHER) return;
      await names.claim([OTHER], stranger, NOON);
      await names.claim([NAME], second, NOON);
    });
    const claim = await createHostNames(raced).claim([NAME, OTHER], holder(), NOON);
    expect(claim).toMatchObject({ ok: false });
    expect(await names.read(NAME)).toMatchObject(second);
  });
});

test('a claim whose answer was lost is found when it is made again', async () => {
  const storage = watchTables();
  const names = createHostNames(storage.tables.names);
  storage.fail('names', 'answer_lost');
  await expect(names.claim([NAME], holder(), NOON)).rejects.toMatchObject({ code: 'unavailable' });
  storage.heal();
  const before = storage.count('names');
  expect(await names.claim([NAME], holder(), NOON)).toEqual({ ok: true, added: [], before: [] });
  expect(storage.count('names')).toBe(before + 1);
});

test('of twenty machines that ask at once, one gets it', async () => {
  const table = createMemoryTable();
  const claims = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      createHostNames(table).claim([NAME], holder({ machine: `m${i}`, instance: `i${i}` }), NOON),
    ),
  );
  expect(claims.filter(({ ok }) => ok)).toHaveLength(1);
  expect(await table.list({})).toHaveLength(1);
});

test("the SDK's own second try meets the first, and the name is ours all the same", async () => {
  const storage = watchTables();
  const names = createHostNames(storage.tables.names);
  storage.fail('names', 'tried_twice');
  expect(await names.claim([NAME], holder(), NOON)).toEqual({
    ok: true,
    added: [NAME],
    before: [],
  });
  storage.heal();
  expect(await names.read(NAME)).toMatchObject(holder());
});

test('a claim that changes nothing writes nothing', async () => {
  const storage = watchTables();
  const names = createHostNames(storage.tables.names);
  await names.claim([NAME], holder(), NOON);
  const before = storage.count('names');
  await names.claim([NAME], holder(), NOON);
  expect(storage.count('names')).toBe(before + 1);
});

/** A table in which somebody else does something just before each operation of a kind is written. */
function meanwhile(
  table: Table,
  kind: Operation['kind'],
  other: (key: string) => Promise<unknown>,
): Table {
  return {
    ...table,
    async apply(operations) {
      for (const operation of operations) {
        if (operation.kind === kind)
          await other('row' in operation ? operation.row.key : operation.key);
      }
      return table.apply(operations);
    },
  };
}
