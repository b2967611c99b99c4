import { describe, expect, test } from 'vitest';
import { createHostNames, type NameHolder } from '../../../shared/storage/host-names.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
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
  expect(await names.claim([NAME], holder(), NOON)).toEqual({ ok: true, before: [] });
  const held = { ...holder(), name: NAME, since: noon };
  expect(await names.claim([NAME], stranger, NOON)).toEqual({ ok: false, taken: held });
  expect(await names.read(NAME)).toEqual(held);
});

test('another instance of the same machine has it, too, and since when stays what it was', async () => {
  const names = createHostNames(createMemoryTable());
  await names.claim([NAME], holder(), NOON);
  const later = new Date(NOON.getTime() + 60_000);
  expect(await names.claim([NAME], holder({ instance: 'i2' }), later)).toEqual({
    ok: true,
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
  expect(await names.claim([NAME], holder(), NOON)).toEqual({ ok: true, before: [] });
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
