import { describe, expect, test } from 'vitest';
import { createHostNames, type NameHolder } from '../../../shared/storage/host-names.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Operation, Table } from '../../../shared/storage/table.ts';
import { watchTables } from '../../broker/watched-tables.ts';
import { askedTable } from './asked-table.ts';

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
const TRY_AGAIN = { code: 'unavailable', retryAfter: 1 };
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
  expect(await names.read(NAME)).toMatchObject({ instance: 'i2', since: noon, gone: [] });
});

test('a machine that was made anew takes it over, and tells whose it was', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME, OTHER], holder(), NOON);
  const anew = holder({ incarnation: 'vm-2', instance: 'i2' });
  const claim = await names.claim([NAME, OTHER], anew, NOON);
  expect(claim).toMatchObject({ ok: true, before: [holder(), holder()] });
  expect(await names.read(NAME)).toMatchObject(anew);
});

test('what a machine was is ousted before it loses its names, and nobody else is', async () => {
  const names = createHostNames(createMemoryTable());
  const ousted: unknown[] = [];
  const claim = (who: NameHolder) =>
    names.claim([NAME, OTHER], who, NOON, async (gone) => {
      ousted.push([gone.name, gone.instance, (await names.read(gone.name))?.instance]);
    });
  await claim(holder());
  await claim(holder({ instance: 'i2' }));
  expect(ousted).toEqual([]);
  await claim(holder({ incarnation: 'vm-2', instance: 'i3' }));
  expect(ousted).toEqual([
    [NAME, 'i2', 'i2'],
    [OTHER, 'i2', 'i2'],
  ]);
});

test('what a machine was keeps its names where it can not be ousted', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME], holder(), NOON);
  const anew = holder({ incarnation: 'vm-2', instance: 'i2' });
  const claim = names.claim([NAME], anew, NOON, () => Promise.reject(new Error('down')));
  await expect(claim).rejects.toThrow('down');
  expect(await names.read(NAME)).toMatchObject(holder());
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

  test('but not where its machine keeps renewing itself: it is asked for again', async () => {
    const table = createMemoryTable();
    const names = createHostNames(table);
    await names.claim([NAME], holder(), NOON);
    let races = 0;
    const raced = meanwhile(table, 'remove', () => {
      races += 1;
      return names.claim([NAME], holder({ instance: `i${races + 1}` }), NOON);
    });
    await expect(createHostNames(raced).free(NAME)).rejects.toMatchObject(TRY_AGAIN);
    expect(races).toBe(5);
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

describe('names that are given back', () => {
  test.each<[string, Partial<NameHolder>]>([
    ['another machine', { machine: 'azure:tenant:/subscriptions/…/evil' }],
    ['another incarnation of the machine', { incarnation: 'vm-2' }],
    ['another instance of the machine', { instance: 'i2' }],
  ])('stay where %s has them', async (_, change) => {
    const names = createHostNames(createMemoryTable());
    await names.claim([NAME], holder(change), NOON);
    await names.giveBack([NAME, OTHER], holder());
    expect(await names.read(NAME)).toMatchObject(holder(change));
  });

  test('are free, and so are those that nobody has', async () => {
    const names = createHostNames(createMemoryTable());
    await names.claim([NAME, OTHER], holder(), NOON);
    await names.giveBack(['nobody.example.org', OTHER], holder());
    expect(await names.read(OTHER)).toBeUndefined();
    expect(await names.read(NAME)).toMatchObject(holder());
  });
});

test('a name that many claim at once is asked for again', async () => {
  const table = createMemoryTable();
  const names = createHostNames(table);
  await names.claim([NAME], holder(), NOON);
  let races = 0;
  const raced = meanwhile(table, 'replace', () => {
    races += 1;
    return names.claim([NAME], holder({ instance: `r${races}` }), NOON);
  });
  const claim = createHostNames(raced).claim([NAME], holder({ instance: 'i2' }), NOON);
  await expect(claim).rejects.toMatchObject(TRY_AGAIN);
  expect(races).toBe(5);
});

test('a name is put back as it was, unless somebody has it', async () => {
  const names = createHostNames(createMemoryTable());
  const held = { ...holder(), name: NAME, since: noon - 100, gone: ['vm-0', 'vm-00'] };
  expect(await names.restore(held)).toBe(true);
  expect(await names.read(NAME)).toEqual(held);
  expect(await names.restore({ ...held, ...stranger })).toBe(false);
  expect(await names.read(NAME)).toEqual(held);
});

describe('a list', () => {
  const all = ['aa', 'ab1', 'ab2', 'ab3', 'b', 'ba'];
  test.each<[string | undefined, number, readonly string[]]>([
    [undefined, 9, all],
    [undefined, 2, all.slice(0, 2)],
    ['ab1', 9, all.slice(2)],
    ['ab1', 3, all.slice(2, 5)],
    ['ab1', 2, all.slice(2, 4)],
    ['ab1', 1, all.slice(2, 3)],
    ['ab9', 1, all.slice(4, 5)],
    ['ba', 9, []],
  ])('of names after %s, at most %i, in their order', async (after, most, expected) => {
    const names = createHostNames(createMemoryTable());
    await names.claim(all, holder(), NOON);
    expect((await names.list(after, most)).map(({ name }) => name)).toEqual(expected);
  });

  test('asks no more than it must: names are spread by their first two characters', async () => {
    const { table, queries } = askedTable();
    const names = createHostNames(table);
    await names.claim(all, holder(), NOON);
    await names.list('ab1', 2);
    expect(queries).toEqual([{ partition: 'ab', keyAfter: 'ab1', most: 2 }]);
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
