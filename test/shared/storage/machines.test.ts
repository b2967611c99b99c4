import { describe, expect, test } from 'vitest';
import {
  createMachines,
  type MachineRow,
  type MadeInstance,
} from '../../../shared/storage/machines.ts';
import { askedTable } from './asked-table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;
const WEEK = 7 * 86_400;
const TOKEN = 'example';

const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const made = (id: string): MadeInstance => ({
  id,
  owner: 'bot:example',
  incarnation: 'vm-1',
  at: noon,
});
const machine = (name: string, ...ids: string[]): MachineRow => ({
  machine: name,
  made: ids.map(made),
});

function createScene() {
  const { table, queries } = askedTable();
  const machines = createMachines(table);
  const add = async (name: string, at = NOON): Promise<boolean> =>
    machines.add(TOKEN, machine(name, '1'), undefined, await machines.roll(TOKEN, 200), [], at);
  const namesOf = async (): Promise<readonly string[]> =>
    (await machines.roll(TOKEN, 200)).machines.map((one) => one.machine).toSorted();
  return { table, queries, machines, add, namesOf };
}

describe('a row', () => {
  test('comes back as it was written, for its own join token', async () => {
    const { machines } = createScene();
    expect(await machines.read(TOKEN, 'm')).toBeUndefined();
    expect(await machines.write(TOKEN, machine('m', '1', '2'), undefined, NOON)).toBe(true);
    const stored = { ...machine('m', '1', '2'), etag: expect.any(String) };
    expect(await machines.read(TOKEN, 'm')).toEqual(stored);
    expect(await machines.read(TOKEN, 'M')).toBeUndefined();
    expect(await machines.read('other', 'm')).toBeUndefined();
  });

  test('has a key of 32 hex digits, whatever the machine is called', async () => {
    const { machines, table } = createScene();
    await machines.write(TOKEN, machine('/subscriptions/1/vm#?\\'), undefined, NOON);
    expect((await table.list({})).map(({ key }) => key)).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ]);
  });

  test('is inserted once, and replaced under its ETag only', async () => {
    const { machines } = createScene();
    await machines.write(TOKEN, machine('m', '1'), undefined, NOON);
    const etag = (await machines.read(TOKEN, 'm'))?.etag;
    expect(await machines.write(TOKEN, machine('m', '2'), undefined, NOON)).toBe(false);
    expect(await machines.write(TOKEN, machine('m', '3'), etag, NOON)).toBe(true);
    expect(await machines.write(TOKEN, machine('m', '4'), etag, NOON)).toBe(false);
    expect(await machines.read(TOKEN, 'm')).toMatchObject(machine('m', '3'));
  });

  test.each([
    ['no JSON', '{'],
    ['an instance without an id', '[{"owner":"o","incarnation":"i","at":1}]'],
    ['no instances but an empty thing', '[{}]'],
    ['no list', '{}'],
  ])('whose instances are %s has none', async (_, text) => {
    const { machines, table } = createScene();
    await machines.write(TOKEN, machine('m', '1'), undefined, NOON);
    const [row] = await table.list({});
    if (!row) throw new Error('no row');
    await table.apply([{ kind: 'put', row: { ...row, values: { ...row.values, made: text } } }]);
    expect(await machines.read(TOKEN, 'm')).toMatchObject(machine('m'));
  });
});

describe('the roll', () => {
  test('has the machines of one join token, and changes with each that is added', async () => {
    const { machines, add } = createScene();
    const empty = await machines.roll(TOKEN, 200);
    expect(empty).toEqual({ machines: [], isWhole: true, added: undefined });
    expect(await add('a')).toBe(true);
    const one = await machines.roll(TOKEN, 200);
    expect(one.machines).toMatchObject([machine('a', '1')]);
    expect(await add('b')).toBe(true);
    const two = await machines.roll(TOKEN, 200);
    expect(two.machines).toHaveLength(2);
    expect(new Set([empty.added, one.added, two.added]).size).toBe(3);
    expect((await machines.roll('other', 200)).machines).toEqual([]);
  });

  test.each([
    [1, false],
    [3, true],
  ])('of at most %i rows is whole: %s', async (most, isWhole) => {
    const { machines, add, queries } = createScene();
    for (const name of ['a', 'b']) await add(name);
    queries.length = 0;
    expect((await machines.roll(TOKEN, most)).isWhole).toBe(isWhole);
    expect(queries).toEqual([{ partition: TOKEN, most: most + 1 }]);
  });

  test('has a row of its own for that, before those of all machines', async () => {
    const { add, table } = createScene();
    await add('a');
    expect((await table.list({})).map(({ key }) => key)).toEqual([
      '!added',
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ]);
  });

  test('takes one of those who saw the same last place', async () => {
    const { machines, namesOf } = createScene();
    const roll = await machines.roll(TOKEN, 200);
    const claim = (name: string, seen: typeof roll) =>
      machines.add(TOKEN, machine(name, '1'), undefined, seen, [], NOON);
    expect(await claim('a', roll)).toBe(true);
    expect(await claim('b', roll)).toBe(false);
    const next = await machines.roll(TOKEN, 200);
    expect(await claim('b', next)).toBe(true);
    expect(await claim('c', next)).toBe(false);
    expect(await namesOf()).toEqual(['a', 'b']);
  });

  test('takes off those that are over in the same moment, as many as a transaction has room for', async () => {
    const { machines, add, namesOf } = createScene();
    for (let i = 0; i < 99; i += 1) await add(`over-${String(i).padStart(2, '0')}`);
    const roll = await machines.roll(TOKEN, 200);
    const over = roll.machines.toSorted((a, b) => (a.machine < b.machine ? -1 : 1));
    const added = await machines.add(TOKEN, machine('new', '1'), undefined, roll, over, NOON);
    expect(added).toBe(true);
    expect(await namesOf()).toEqual(['new', 'over-98']);
  });

  test('takes nobody off that has joined again', async () => {
    const { machines, add, namesOf } = createScene();
    for (const name of ['a', 'b']) await add(name);
    const { machines: over } = await machines.roll(TOKEN, 200);
    const b = over.find((one) => one.machine === 'b');
    await machines.write(TOKEN, machine('b', '2'), b?.etag, NOON);
    await machines.takeOff(TOKEN, over);
    expect(await namesOf()).toEqual(['b']);
  });
});

describe('a sweep', () => {
  const isOver = async (all: readonly MadeInstance[]): Promise<boolean> =>
    all.every(({ id }) => id === 'over');

  test('asks of each machine once in a week, and removes those that are over', async () => {
    const { machines, add, namesOf } = createScene();
    await machines.write(TOKEN, machine('a', '1', 'over'), undefined, NOON);
    await machines.write(TOKEN, machine('b', 'over'), undefined, NOON);
    await add('c', later(1));
    const asked: string[][] = [];
    const sweep = (at: Date) =>
      machines.sweep(at, async (all) => {
        asked.push(all.map(({ id }) => id));
        return isOver(all);
      });
    expect(await sweep(later(WEEK))).toBe(0);
    expect(asked).toEqual([]);
    expect(await sweep(later(WEEK + 1))).toBe(1);
    expect(asked.toSorted()).toEqual([['1', 'over'], ['over']]);
    expect(await namesOf()).toEqual(['a', 'c']);
    expect(await sweep(later(WEEK + 1))).toBe(0);
    expect(asked).toHaveLength(2);
    expect(await machines.read(TOKEN, 'a')).toMatchObject(machine('a', '1', 'over'));
  });

  test('goes on page by page, and leaves the rest to the next one', async () => {
    const { machines, queries } = createScene();
    for (let i = 0; i < 1050; i += 1)
      await machines.write(TOKEN, machine(`m${i}`, 'over'), undefined, NOON);
    expect(await machines.sweep(later(WEEK + 1), isOver)).toBe(1000);
    expect(queries.map(({ most }) => most)).toEqual(Array(10).fill(100));
    queries.length = 0;
    expect(await machines.sweep(later(WEEK + 1), isOver)).toBe(50);
    expect(queries).toHaveLength(1);
  });

  test('leaves a machine that joins again at the same moment', async () => {
    const { machines, namesOf } = createScene();
    await machines.write(TOKEN, machine('m', 'over'), undefined, NOON);
    const removed = await machines.sweep(later(WEEK + 1), async () => {
      const etag = (await machines.read(TOKEN, 'm'))?.etag;
      return machines.write(TOKEN, machine('m', 'new'), etag, NOON);
    });
    expect(removed).toBe(0);
    expect(await namesOf()).toEqual(['m']);
  });
});
