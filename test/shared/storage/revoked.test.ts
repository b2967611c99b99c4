import { describe, expect, test } from 'vitest';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import {
  createRevocations,
  type Head,
  nextVersion,
  type RevokedInstance,
} from '../../../shared/storage/revoked.ts';
import type { Operation, Table } from '../../../shared/storage/table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;
const HOUR = 3600;
const ID = '0a1b2c3d-1111-4111-8111-111111111111';

const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const idOf = (n: number): string => `${n.toString(16).padStart(8, '0')}${ID.slice(8)}`;
const serial = (n: number, expires = noon + HOUR) => ({
  serial: n.toString(16).padStart(32, '0'),
  expires,
});
const revoked = (change: Partial<RevokedInstance> = {}): RevokedInstance => ({
  owner: 'bot:example',
  id: ID,
  reason: 'lock',
  by: 'a-lock',
  since: noon,
  serials: [serial(1)],
  ...change,
});

/** A table in which something happens before each write of the head, or of other rows; and what was written. */
function createScene() {
  const table = createMemoryTable();
  const writes: (readonly Operation[])[] = [];
  const meanwhile: { head?: () => Promise<unknown>; rows?: () => Promise<unknown> } = {};
  const apply: Table['apply'] = async (operations) => {
    const [first] = operations;
    const isHead = first && 'row' in first && first.row.partition === 'head';
    await (isHead ? meanwhile.head : meanwhile.rows)?.();
    writes.push(operations);
    return table.apply(operations);
  };
  const revocations = createRevocations({ ...table, apply });
  /** The same table without all that. */
  const other = createRevocations(table);
  const instances = async () => (await other.read()).instances.map((one) => one.revoked);
  const keep = async (...all: readonly RevokedInstance[]) =>
    revocations.keep(all, await other.read(), NOON);
  return { table, writes, meanwhile, revocations, other, instances, keep };
}

describe('the head', () => {
  const FIRST: Head = { version: 0, locks: '', seen: 0, settled: false, writing: 0 };

  test('is there from the start, and comes back as it was changed', async () => {
    const { revocations } = createScene();
    expect(await revocations.head()).toEqual(FIRST);
    const heads: Head[] = [
      { version: noon, locks: 'abc', seen: noon, settled: true, writing: noon + 1 },
      { version: noon + 1, locks: 'd', seen: noon + 1, settled: false, writing: 0 },
    ];
    for (const head of heads) {
      expect(await revocations.updateHead(() => head)).toEqual(head);
      expect(await revocations.head()).toEqual(head);
    }
  });

  test('is changed from what it is, however many change it', async () => {
    const { revocations, other, meanwhile } = createScene();
    const count = (head: Head): Head => ({ ...head, seen: head.seen + 1 });
    let others = 0;
    meanwhile.head = async () => {
      if (others < 7) await other.updateHead(count);
      others += 1;
    };
    expect(await revocations.updateHead(count)).toMatchObject({ seen: 8 });
    others = -1;
    await expect(revocations.updateHead(count)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfter: 1,
    });
  });

  test.each([
    ['time', noon - 5, noon + 1],
    ['version, where that is ahead of the clock', noon + 5, noon + 6],
  ])('has a version after the %s', (_, version, next) => {
    const head = { ...FIRST, version, locks: 'abc' };
    expect(nextVersion(head, NOON)).toEqual({ ...head, version: next });
  });
});

describe('certificates that are revoked', () => {
  test('are kept as they were told, and there is a new version', async () => {
    const { revocations, instances, keep } = createScene();
    const all = [
      revoked(),
      revoked({ id: idOf(1), owner: 'host:Node', reason: 'gone', by: 'vm-1' }),
      revoked({ id: idOf(2), reason: 'removed', by: '', serials: [serial(2), serial(3)] }),
    ];
    await keep(...all);
    expect(await instances()).toEqual(expect.arrayContaining(all));
    expect(await instances()).toHaveLength(3);
    expect(await revocations.head()).toMatchObject({ version: noon + 1, writing: 0 });
    await keep(revoked({ id: idOf(3) }));
    expect(await revocations.head()).toMatchObject({ version: noon + 2, writing: 0 });
  });

  test('are nobody: nothing is written', async () => {
    const { keep, writes } = createScene();
    await keep();
    expect(writes).toEqual([]);
  });

  test('are written between two words of it, so that a stop half-way is noticed', async () => {
    const { revocations, keep, meanwhile } = createScene();
    meanwhile.rows = () => Promise.reject(new Error('killed'));
    await expect(keep(revoked())).rejects.toThrow('killed');
    expect(await revocations.head()).toMatchObject({ version: 0, writing: noon + 120 });
  });

  test('leave the word of somebody else who is still writing', async () => {
    const { revocations, other, keep, meanwhile } = createScene();
    meanwhile.rows = () => other.updateHead((head) => ({ ...head, writing: noon + 500 }));
    await keep(revoked());
    expect(await revocations.head()).toMatchObject({ version: noon + 1, writing: noon + 500 });
  });

  test('of many instances are written in transactions, by the first digit of their ids', async () => {
    const { keep, instances, writes } = createScene();
    const all = Array.from({ length: 400 }, (_, i) =>
      revoked({ id: `${(i % 16).toString(16)}${idOf(i).slice(1)}` }),
    );
    await keep(...all);
    expect(await instances()).toHaveLength(400);
    expect(writes).toHaveLength(2 + 16);
  });

  test.each([1, 8])('are all kept where %i others keep some at the same time', async (others) => {
    const { other, instances, keep, meanwhile } = createScene();
    let race = 0;
    meanwhile.rows = async () => {
      race += 1;
      if (race <= others) await other.keepOne(revoked({ serials: [serial(100 + race)] }), NOON);
    };
    const second = revoked({ id: ID.replace(/1$/, '2') });
    await keep(revoked(), second);
    const all = await instances();
    expect(all).toContainEqual(second);
    const serials = all.find(({ id }) => id === ID)?.serials;
    expect(serials).toHaveLength(others + 1);
    expect(serials).toContainEqual(serial(1));
  });

  test('are added to those that are known in one transaction', async () => {
    const { keep, writes, instances } = createScene();
    await keep(revoked());
    writes.length = 0;
    await keep(revoked({ serials: [serial(2)] }));
    expect(writes).toHaveLength(3);
    expect(await instances()).toMatchObject([{ serials: [serial(1), serial(2)] }]);
  });

  test('can not be kept for now where eight others are faster', async () => {
    const { other, revocations, meanwhile } = createScene();
    let race = 0;
    meanwhile.rows = async () => {
      race += 1;
      if (race <= 8) await other.keepOne(revoked({ serials: [serial(100 + race)] }), NOON);
    };
    const kept = revocations.keepOne(revoked(), NOON);
    await expect(kept).rejects.toMatchObject({ code: 'unavailable', retryAfter: 1 });
  });
});

describe('of one instance', () => {
  test('what was revoked stays so, and since when', async () => {
    const { revocations, instances } = createScene();
    await revocations.keepOne(revoked(), NOON);
    await revocations.keepOne(
      revoked({ by: 'another', since: noon + 5, serials: [serial(2)] }),
      later(5),
    );
    expect(await instances()).toEqual([
      revoked({ by: 'another', since: noon, serials: [serial(1), serial(2)] }),
    ]);
  });

  test.each<['lock' | 'removed' | 'gone', 'lock' | 'removed' | 'gone', string]>([
    ['lock', 'removed', 'second'],
    ['lock', 'gone', 'second'],
    ['removed', 'lock', 'first'],
    ['gone', 'lock', 'first'],
    ['gone', 'removed', 'first'],
  ])('the reason %s, and then %s: what tells is the %s', async (first, second, by) => {
    const { revocations, instances } = createScene();
    await revocations.keepOne(revoked({ reason: first, by: 'first' }), NOON);
    const more = revoked({ reason: second, by: 'second', serials: [serial(2)] });
    await revocations.keepOne(more, NOON);
    const reason = by === 'first' ? first : second;
    expect(await instances()).toMatchObject([{ reason, by, serials: [serial(1), serial(2)] }]);
  });

  test('a serial number that comes again is there once', async () => {
    const { revocations, instances } = createScene();
    await revocations.keepOne(revoked({ serials: [serial(1), serial(2)] }), NOON);
    await revocations.keepOne(revoked({ serials: [serial(2), serial(3)] }), NOON);
    expect(await instances()).toMatchObject([{ serials: [serial(1), serial(2), serial(3)] }]);
  });

  test('what has been over for two hours is left out', async () => {
    const { revocations, instances } = createScene();
    const [over, last, more] = [serial(1, noon), serial(2, noon + 1), serial(3, noon + 9 * HOUR)];
    await revocations.keepOne(revoked({ serials: [over, last] }), NOON);
    const at = noon + 2 * HOUR;
    await revocations.keepOne(revoked({ since: at, serials: [more] }), later(2 * HOUR));
    expect((await instances())[0]?.serials).toEqual([last, more]);
  });

  test('no more of them are kept than fit: those that live longest', async () => {
    const { revocations, instances } = createScene();
    const many = Array.from({ length: 1200 }, (_, i) => serial(1 + i, noon + 1 + i));
    await revocations.keepOne(revoked({ serials: many.toReversed() }), NOON);
    const more = serial(5000, noon + 500);
    await revocations.keepOne(revoked({ serials: [more] }), NOON);
    const kept = (await instances())[0]?.serials;
    expect(kept).toEqual([...many.slice(1, 500), more, ...many.slice(500)]);
  });

  test.each<[string, boolean, Partial<RevokedInstance>]>([
    ['the same', false, {}],
    ['less', false, { serials: [] }],
    ['the same for another lock', false, { by: 'another' }],
    ['another certificate', true, { serials: [serial(1), serial(2)] }],
    ['another reason', true, { reason: 'removed' }],
  ])('%s said again makes a new list: %s', async (_, isNew, change) => {
    const { revocations } = createScene();
    await revocations.keepOne(revoked(), NOON);
    const { version } = await revocations.head();
    await revocations.keepOne(revoked(change), NOON);
    expect((await revocations.head()).version > version).toBe(isNew);
  });

  test.each<[string, Partial<RevokedInstance>]>([
    ['a lock', {}],
    ['the same', { reason: 'removed', by: '' }],
    ['a part of it', { reason: 'removed', by: '', serials: [serial(2)] }],
  ])('that was removed %s says nothing new', async (_, change) => {
    const { revocations, instances, writes } = createScene();
    const removed = revoked({ reason: 'removed', by: '', serials: [serial(1), serial(2)] });
    await revocations.keepOne(removed, NOON);
    const before = writes.length;
    await revocations.keepOne(revoked(change), NOON);
    expect(writes).toHaveLength(before);
    expect(await instances()).toEqual([removed]);
  });
});

test.each<[string, string]>([
  ['no JSON', '[{'],
  ['no serial number', JSON.stringify([{ serial: 5, expires: noon }])],
  ['no end', JSON.stringify([{ serial: 'ab', expires: 'noon' }])],
  ['nothing', '[null]'],
])(
  'a row with %s in it, which somebody else wrote, is there and has no serial number',
  async (_, serials) => {
    const { table, instances } = createScene();
    const values = { owner: 'bot:example', reason: 'lock', by: '', since: noon, serials };
    await table.apply([{ kind: 'put', row: { partition: 'bot:example:0', key: ID, values } }]);
    expect(await instances()).toMatchObject([{ id: ID, serials: [{ serial: '', expires: 0 }] }]);
  },
);

test('a machine that is gone is looked for until it is forgotten', async () => {
  const { revocations } = createScene();
  await revocations.updateHead((head) => ({ ...head, settled: true, seen: noon + 5 }));
  await revocations.expectMachine('vm-1', NOON);
  expect(await revocations.head()).toMatchObject({ settled: false, seen: noon + 5 });
  await revocations.expectMachine('vm-2', later(9));
  expect(await revocations.head()).toMatchObject({ settled: false, seen: noon + 9 });
  expect(await revocations.read()).toMatchObject({ machines: ['vm-1', 'vm-2'], instances: [] });
  await revocations.forgetMachines(['vm-1', 'never-there']);
  expect((await revocations.read()).machines).toEqual(['vm-2']);
});

test("roots' lists come back as they were written, each with a new version", async () => {
  const { revocations } = createScene();
  await revocations.writeRootList('aa', new Uint8Array([1, 2]), NOON);
  await revocations.writeRootList('bb', new Uint8Array([3]), NOON);
  await revocations.writeRootList('aa', new Uint8Array([4]), NOON);
  const { rootLists, instances } = await revocations.read();
  expect([...rootLists].map(([name, der]) => [name, ...der])).toEqual([
    ['aa', 4],
    ['bb', 3],
  ]);
  expect(instances).toEqual([]);
  expect(await revocations.head()).toMatchObject({ version: noon + 3, writing: 0 });
});

test('rows are where earlier versions put them', async () => {
  const { table, revocations } = createScene();
  await revocations.keepOne(revoked(), NOON);
  await revocations.expectMachine('vm-1', NOON);
  await revocations.writeRootList('aa', new Uint8Array([1]), NOON);
  const rows = await table.list({});
  expect(rows.map(({ partition, key }) => `${partition} ${key}`)).toEqual([
    `bot:example:0 ${ID}`,
    'head head',
    'machines vm-1',
    'roots aa',
  ]);
  expect(rows[2]?.values).toEqual({ since: noon });
});

describe('a sweep', () => {
  test('removes what has been over for two hours, and nothing else', async () => {
    const { revocations, instances, keep } = createScene();
    await revocations.writeRootList('aa', new Uint8Array([1]), NOON);
    await revocations.expectMachine('vm-1', NOON);
    await keep(
      revoked({ serials: [serial(1, noon + 10), serial(2, noon)] }),
      revoked({ id: idOf(2), serials: [serial(3, noon + 11)] }),
      revoked({ id: idOf(3), serials: [] }),
    );
    expect(await revocations.sweep(later(2 * HOUR + 10))).toBe(1);
    expect(await revocations.sweep(later(2 * HOUR + 11))).toBe(1);
    expect(await instances()).toMatchObject([{ id: idOf(2) }]);
    expect(await revocations.sweep(later(2 * HOUR + 12))).toBe(1);
    expect(await revocations.read()).toMatchObject({ instances: [], machines: ['vm-1'] });
    expect((await revocations.read()).rootLists.size).toBe(1);
  });

  test('leaves a row that is written at the same moment', async () => {
    const { table, other, instances } = createScene();
    await other.keepOne(revoked(), NOON);
    const raced = createRevocations({
      ...table,
      async list(query) {
        const rows = await table.list(query);
        await other.keepOne(revoked({ serials: [serial(2, noon + 99 * HOUR)] }), NOON);
        return rows;
      },
    });
    expect(await raced.sweep(later(4 * HOUR))).toBe(0);
    expect(await instances()).toHaveLength(1);
  });
});
