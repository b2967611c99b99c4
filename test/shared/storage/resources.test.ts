import { describe, expect, test } from 'vitest';
import type { AnyResource } from '../../../shared/resources/resource.ts';
import { PRESET_ROLES } from '../../../shared/resources/role.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createResources, type Resources } from '../../../shared/storage/resources.ts';
import type { Table } from '../../../shared/storage/table.ts';
import { createClock } from '../../broker/test-broker.ts';
import { bot, joinToken, lock } from '../resources/samples.ts';

const named = (name: string, roles: string[] = []): AnyResource => ({
  ...bot,
  metadata: { name },
  spec: { roles },
});

/** Two function instances on one table, and how often the table was read and listed. */
function createScene(table: Table = createMemoryTable()) {
  const clock = createClock();
  const calls = { reads: 0, lists: 0 };
  const watched: Table = {
    read(partition, key) {
      calls.reads += 1;
      return table.read(partition, key);
    },
    list(query) {
      calls.lists += 1;
      return table.list(query);
    },
    apply: table.apply,
  };
  const lookups: string[] = [];
  const one = createResources(watched, clock.now, (result) => lookups.push(result));
  const two = createResources(watched, clock.now);
  return { one, two, clock, calls, table, lookups };
}

const rolesOf = async (resources: Resources, name = 'example') =>
  (await resources.snapshot()).get('bot', name)?.spec.roles;

async function etagOf(resources: Resources, name = 'example'): Promise<string> {
  return (await resources.read('bot', name))?.etag ?? 'there is none';
}

describe('a resource', () => {
  test('comes back as it was created, with an ETag', async () => {
    const { one, two } = createScene();
    const etag = (await one.create(joinToken))?.etag;
    expect(await two.read('token', 'example-bot')).toEqual({ resource: joinToken, etag });
    expect(await two.read('bot', 'example-bot')).toBeUndefined();
  });

  test('is created once', async () => {
    const { one, two } = createScene();
    const etags = await Promise.all([
      one.create(named('example', ['a'])),
      two.create(named('example', ['b'])),
    ]);
    expect(etags.filter((etag) => etag !== undefined)).toHaveLength(1);
  });

  test('of another kind may have the same name', async () => {
    const { one } = createScene();
    expect(await one.create(named('same'))).toBeDefined();
    expect(await one.create({ ...joinToken, metadata: { name: 'same' } })).toBeDefined();
  });

  test('is replaced by its ETag, and has another one then', async () => {
    const { one } = createScene();
    const first = (await one.create(named('example')))?.etag;
    const second = (await one.replace(named('example', ['a']), first ?? ''))?.etag;
    expect(second).toBeDefined();
    expect(second).not.toBe(first);
    expect(await one.replace(named('example', ['b']), first ?? '')).toBeUndefined();
    expect(await rolesOf(one)).toEqual(['a']);
  });

  test('that is gone is not replaced', async () => {
    const { one } = createScene();
    expect(await one.replace(named('example'), '*')).toBeUndefined();
    expect(await one.read('bot', 'example')).toBeUndefined();
  });

  test('is removed by its ETag', async () => {
    const { one } = createScene();
    const etag = (await one.create(named('example')))?.etag;
    await one.replace(named('example', ['a']), '*');
    expect(await one.remove('bot', 'example', etag ?? '')).toBe(false);
    expect(await one.remove('bot', 'example', await etagOf(one))).toBe(true);
    expect(await one.read('bot', 'example')).toBeUndefined();
    expect(await one.remove('bot', 'example', etag ?? '')).toBe(true);
  });
});

describe('presets', () => {
  test('are there from the start, once', async () => {
    const { one, two, table } = createScene();
    const [a, b] = await Promise.all([one.snapshot(), two.snapshot()]);
    expect(a.all('role')).toEqual(PRESET_ROLES);
    expect(b.all('role')).toEqual(PRESET_ROLES);
    expect(await table.list({})).toHaveLength(PRESET_ROLES.length + 1);
  });

  test('are there whatever is asked first', async () => {
    const { one: written, two: snapped } = createScene();
    await written.create(bot);
    expect((await snapped.snapshot()).get('role', 'access')).toEqual(PRESET_ROLES[0]);
    const { one: read } = createScene();
    expect((await read.read('role', 'access'))?.resource).toEqual(PRESET_ROLES[0]);
    const { one: listed } = createScene();
    expect((await listed.list('role', undefined, 9)).items).toHaveLength(PRESET_ROLES.length);
  });

  test('stay away once an operator has removed them', async () => {
    const { one, two, clock } = createScene();
    await one.snapshot();
    const etag = (await one.read('role', 'editor'))?.etag ?? '';
    expect(await one.remove('role', 'editor', etag)).toBe(true);
    clock.advance(60);
    expect((await two.snapshot()).get('role', 'editor')).toBeUndefined();
  });
});

describe('the snapshot', () => {
  test('shows a change of its own function instance at once', async () => {
    const { one } = createScene();
    expect(await rolesOf(one)).toBeUndefined();
    await one.create(named('example', ['a']));
    expect(await rolesOf(one)).toEqual(['a']);
    await one.remove('bot', 'example', '*');
    expect(await rolesOf(one)).toBeUndefined();
  });

  test.each<[string, (one: Resources) => Promise<unknown>, readonly string[] | undefined]>([
    ['narrowed', (one) => one.replace(named('example', ['b']), '*'), ['b']],
    ['deleted', (one) => one.remove('bot', 'example', '*'), undefined],
  ])('shows what another one %s within five seconds', async (_, change, expected) => {
    const { one, two, clock } = createScene();
    await one.create(named('example', ['a']));
    expect(await rolesOf(two)).toEqual(['a']);
    clock.advance(2);
    await change(one);
    clock.advance(2.999);
    expect(await rolesOf(two)).toEqual(['a']);
    clock.advance(0.001);
    expect(await rolesOf(two)).toEqual(expected);
  });

  test('asks for the revision every five seconds, and lists only after a change', async () => {
    const { one, two, clock, calls } = createScene();
    await two.create(bot);
    await one.snapshot();
    Object.assign(calls, { reads: 0, lists: 0 });
    for (let second = 0; second < 20; second += 1) {
      await one.snapshot();
      clock.advance(1);
    }
    expect(calls).toEqual({ reads: 3, lists: 0 });
    await two.replace(named('example', ['a']), '*');
    Object.assign(calls, { reads: 0, lists: 0 });
    await one.snapshot();
    expect(calls).toEqual({ reads: 1, lists: 1 });
  });

  test('is asked for once by callers at once', async () => {
    const { one, calls } = createScene();
    await Promise.all([one.snapshot(), one.snapshot(), one.snapshot()]);
    expect(calls.lists).toBe(1);
  });

  test('that was taken stays as it was', async () => {
    const { one } = createScene();
    const before = await one.snapshot();
    await one.create(bot);
    expect(before.get('bot', 'example')).toBeUndefined();
    expect(before.all('bot')).toEqual([]);
  });

  test('is unavailable, not empty, while storage is down; the next try may work', async () => {
    const table = createMemoryTable();
    let down = false;
    const { one, clock } = createScene({
      ...table,
      read: (...key) => (down ? Promise.reject(new Error('down')) : table.read(...key)),
    });
    await one.create(named('example', ['a']));
    await one.snapshot();
    down = true;
    clock.advance(5);
    await expect(one.snapshot()).rejects.toThrow('down');
    down = false;
    expect(await rolesOf(one)).toEqual(['a']);
  });
});

describe('a join token', () => {
  const HASH = 'ab'.repeat(32);
  const SECRET = `sha256:${HASH}`;
  const withSecret = (name: string, spec: object = {}): AnyResource =>
    ({
      ...joinToken,
      metadata: { name },
      spec: { roles: ['Bot'], bot_name: 'example', join_method: 'token', ...spec },
    }) as AnyResource;

  test('is found by its name, or by the hash of its secret', async () => {
    const { one } = createScene();
    await one.create(joinToken);
    await one.create(withSecret('made', { secret_sha256: HASH }));
    const snapshot = await one.snapshot();
    expect(snapshot.joinToken('example-bot')).toEqual(joinToken);
    expect(snapshot.joinToken('made')?.metadata.name).toBe('made');
    expect(snapshot.joinToken(SECRET)?.metadata.name).toBe('made');
    for (const other of [HASH, 'sha256:', `${HASH}sha256:`, 'sha256:made', 'other'])
      expect(snapshot.joinToken(other)).toBeUndefined();
  });

  test('has no secret where it is of another join method, or where it says none', async () => {
    const { one } = createScene();
    await one.create(withSecret('without'));
    await one.create(withSecret('iam', { join_method: 'iam', secret_sha256: HASH }));
    const snapshot = await one.snapshot();
    expect(snapshot.joinToken(SECRET)).toBeUndefined();
    expect(snapshot.joinToken('sha256:undefined')).toBeUndefined();
  });

  test('with a secret that was made a moment ago is looked for, once in two seconds for all', async () => {
    const { one, two, clock, calls } = createScene();
    await one.snapshot();
    await two.create(withSecret('made', { secret_sha256: HASH }));
    const found = async () => (await one.snapshotWith(SECRET)).joinToken(SECRET)?.metadata.name;
    Object.assign(calls, { reads: 0, lists: 0 });
    expect(await found()).toBe('made');
    expect(await found()).toBe('made');
    expect(calls).toEqual({ reads: 1, lists: 1 });

    await two.create(withSecret('other', { secret_sha256: 'cd'.repeat(32) }));
    Object.assign(calls, { reads: 0, lists: 0 });
    const other = async () => (await one.snapshotWith(`sha256:${'cd'.repeat(32)}`)).all('token');
    clock.advance(1.999);
    expect(await other()).toHaveLength(1);
    expect(calls).toEqual({ reads: 0, lists: 0 });
    clock.advance(0.001);
    expect(await other()).toHaveLength(2);
    expect(calls).toEqual({ reads: 1, lists: 1 });
  });

  test('that is named and not known is not looked for', async () => {
    const { one, two } = createScene();
    await one.snapshot();
    await two.create(joinToken);
    expect((await one.snapshotWith('example-bot')).joinToken('example-bot')).toBeUndefined();
  });

  test('is known where nobody has to be asked', async () => {
    const { one, clock, calls } = createScene();
    expect(one.known('example-bot')).toBeUndefined();
    await one.create(withSecret('made', { secret_sha256: HASH }));
    const snapshot = await one.snapshot();
    Object.assign(calls, { reads: 0, lists: 0 });
    expect(one.known(SECRET)).toBe(snapshot);
    expect(one.known('no-such-token')).toBe(snapshot);
    // Worth looking for, until that was just done.
    expect(one.known('sha256:garbage')).toBeUndefined();
    expect(calls).toEqual({ reads: 0, lists: 0 });
    await one.snapshotWith('sha256:garbage');
    expect(one.known('sha256:garbage')).toBe(snapshot);
    clock.advance(2);
    expect(one.known('sha256:garbage')).toBeUndefined();
    clock.advance(3);
    expect(one.known(SECRET)).toBeUndefined();
  });
});

describe('the newest resources', () => {
  test('are asked for once in two seconds, however many ask', async () => {
    const { one, two, clock, calls } = createScene();
    await one.snapshot();
    await two.create(bot);
    Object.assign(calls, { reads: 0, lists: 0 });
    const found = await Promise.all([one.newest(), one.newest()]);
    expect(found[0]?.get('bot', 'example')).toEqual(bot);
    expect(found[1]).toBe(found[0]);
    clock.advance(1.999);
    await one.newest();
    expect(calls).toEqual({ reads: 1, lists: 1 });
    clock.advance(0.001);
    await one.newest();
    expect(calls).toEqual({ reads: 2, lists: 1 });
  });

  test('that were read so far are at hand, however old', async () => {
    const { one, two, clock, calls } = createScene();
    expect(one.latest()).toBeUndefined();
    const snapshot = await one.snapshot();
    await two.create(bot);
    clock.advance(3600);
    Object.assign(calls, { reads: 0, lists: 0 });
    expect(one.latest()).toBe(snapshot);
    expect(calls).toEqual({ reads: 0, lists: 0 });
  });
});

test('what is at hand is told from what is asked for, and what is written is asked for again', async () => {
  const { one, lookups } = createScene();
  await one.create(bot);
  await one.snapshot();
  await one.read('bot', 'example');
  await one.snapshot();
  expect(lookups).toEqual(['miss', 'miss', 'hit']);
});

test('that an operator changed the keys is told to every function instance, and is no resource', async () => {
  const { one, two, clock } = createScene();
  expect(one.keysChanged()).toBeUndefined();
  await two.create(bot);
  await two.snapshot();
  expect(two.keysChanged()).toBeUndefined();
  expect((await two.snapshot()).keysChanged).toBeUndefined();
  await one.tellKeysChanged();
  const first = one.keysChanged();
  expect(first).toEqual(expect.stringMatching(/^[0-9a-f-]{36}$/));
  clock.advance(5);
  expect((await two.snapshot()).keysChanged).toBe(first);
  expect(two.keysChanged()).toBe(first);
  await one.tellKeysChanged();
  expect(one.keysChanged()).not.toBe(first);
  expect((await one.snapshot()).all('role')).toHaveLength(PRESET_ROLES.length);
});

test('the revision of locks is another one after every write of a lock, and of nothing else', async () => {
  const { one, two, clock } = createScene();
  const seen: string[] = [];
  const revision = async (): Promise<string> => (await one.snapshot()).lockRevision;
  const look = async (): Promise<void> => void seen.push(await revision());
  await look();
  await one.create(lock());
  await look();
  await one.replace(lock(), '*');
  await look();
  await one.remove('lock', 'stop', '*');
  expect(await revision()).toBe(seen[0]);
  await one.create(lock());
  await look();
  await one.create({ ...lock(), metadata: { name: 'another' } });
  await look();
  expect(new Set(seen).size).toBe(5);
  for (const each of seen) expect(each).toMatch(/^[\w-]{43}$/);
  await one.create({ ...bot, metadata: { name: 'lock!' } });
  expect(await revision()).toBe(seen.at(-1));
  clock.advance(5);
  expect((await two.snapshot()).lockRevision).toBe(seen.at(-1));
});

test('rows are where earlier versions put them', async () => {
  const { one, table } = createScene();
  await one.create(bot);
  await one.tellKeysChanged();
  const rows = await table.list({});
  expect(new Set(rows.map(({ partition }) => partition))).toEqual(new Set(['config']));
  expect(rows.map(({ key }) => key)).toEqual([
    'bot!example',
    'keys-changed',
    'revision',
    ...PRESET_ROLES.map(({ metadata }) => `role!${metadata.name}`).toSorted(),
  ]);
});

describe('a list', () => {
  const namesOf = async (resources: Resources, after: string | undefined, most: number) => {
    const { items, next } = await resources.list('bot', after, most);
    return [items.map(({ resource }) => resource.metadata.name), next];
  };

  test('comes in pages, in the order of names', async () => {
    const { one } = createScene();
    for (const name of ['c', 'a', 'B', 'a-b', 'a.b']) await one.create(named(name));
    expect(await namesOf(one, undefined, 2)).toEqual([['B', 'a'], 'a']);
    expect(await namesOf(one, undefined, 3)).toEqual([['B', 'a', 'a-b'], 'a-b']);
    expect(await namesOf(one, 'a', 2)).toEqual([['a-b', 'a.b'], 'a.b']);
    expect(await namesOf(one, 'a.b', 2)).toEqual([['c'], undefined]);
    expect(await namesOf(one, undefined, 5)).toEqual([['B', 'a', 'a-b', 'a.b', 'c'], undefined]);
  });

  test('goes on after a name that is gone', async () => {
    const { one } = createScene();
    for (const name of ['a', 'c']) await one.create(named(name));
    expect(await namesOf(one, 'b', 2)).toEqual([['c'], undefined]);
  });

  test('is of one kind, and of nothing else in the table', async () => {
    const { one } = createScene();
    await one.create(joinToken);
    expect(await namesOf(one, undefined, 9)).toEqual([[], undefined]);
  });
});

describe('where the answer to a write is lost, and the second try meets the first one', () => {
  /** Applies what it is told, then says that somebody else was faster. */
  function createLosingScene() {
    const table = createMemoryTable();
    const losing = { next: false };
    const scene = createScene({
      ...table,
      async apply(operations) {
        const applied = await table.apply(operations);
        return applied && !losing.next;
      },
    });
    return { ...scene, losing };
  }

  test('creating is acknowledged', async () => {
    const { one, losing } = createLosingScene();
    losing.next = true;
    const etag = (await one.create(bot))?.etag;
    expect(etag).toBe(await etagOf(one));
  });

  test('replacing is acknowledged', async () => {
    const { one, losing } = createLosingScene();
    const before = (await one.create(bot))?.etag;
    losing.next = true;
    const etag = (await one.replace(named('example', ['a']), before ?? ''))?.etag;
    expect(etag).toBe(await etagOf(one));
    losing.next = false;
    expect((await one.read('bot', 'example'))?.resource).toEqual(named('example', ['a']));
  });

  test('removing is acknowledged', async () => {
    const { one, losing } = createLosingScene();
    const etag = (await one.create(bot))?.etag;
    losing.next = true;
    expect(await one.remove('bot', 'example', etag ?? '')).toBe(true);
  });

  test('a write that really lost its race is not', async () => {
    const { one, two } = createLosingScene();
    const etag = (await one.create(bot))?.etag ?? '';
    await two.replace(named('example', ['b']), etag);
    expect(await one.create(bot)).toBeUndefined();
    expect(await one.replace(named('example', ['a']), etag)).toBeUndefined();
    expect(await one.remove('bot', 'example', etag)).toBe(false);
  });
});

describe('what was written counts as written, where', () => {
  /** Somebody does something right after each write, before it is read back. */
  function createMeddledScene(meddle: (table: Table) => Promise<unknown>) {
    const table = createMemoryTable();
    let isMeddling = false;
    const { one } = createScene({
      ...table,
      async apply(operations) {
        const done = await table.apply(operations);
        if (isMeddling) await meddle(table);
        return done;
      },
    });
    const meddleFromNowOn = (): void => {
      isMeddling = true;
    };
    return { one, meddleFromNowOn };
  }
  const other = async (table: Table): Promise<Resources> =>
    createResources(table, createClock().now);

  test.each<[string, (table: Table) => Promise<unknown>]>([
    ['removes it', async (table) => (await other(table)).remove('bot', 'example', '*')],
    ['replaces it', async (table) => (await other(table)).replace(named('example', ['b']), '*')],
  ])('somebody else %s at once', async (_, meddle) => {
    const { one, meddleFromNowOn } = createMeddledScene(meddle);
    await one.snapshot();
    meddleFromNowOn();
    expect(await one.create(named('example'))).toStrictEqual({ etag: undefined });
  });

  test('somebody else replaces a replacement at once', async () => {
    const { one, meddleFromNowOn } = createMeddledScene(async (table) =>
      (await other(table)).replace(named('example', ['b']), '*'),
    );
    const created = await one.create(named('example'));
    meddleFromNowOn();
    expect(await one.replace(named('example', ['a']), created?.etag ?? '')).toEqual({
      etag: undefined,
    });
  });

  test('only the answer was lost', async () => {
    const table = createMemoryTable();
    let isLost = false;
    const { one } = createScene({
      ...table,
      async apply(operations) {
        const done = await table.apply(operations);
        if (isLost) throw new Error('the answer is lost');
        return done;
      },
    });
    await one.snapshot();
    isLost = true;
    const created = await one.create(named('example'));
    expect(created).toEqual({ etag: await etagOf(one) });
    expect(await rolesOf(one)).toEqual([]);
    expect(await one.replace(named('example', ['a']), created?.etag ?? '')).toEqual({
      etag: await etagOf(one),
    });
    await expect(one.create(named('example'))).rejects.toThrow('the answer is lost');
  });

  test('only it can not be read back', async () => {
    const table = createMemoryTable();
    let isDown = false;
    const { one } = createScene({
      ...table,
      read: (...row) => (isDown ? Promise.reject(new Error('down')) : table.read(...row)),
    });
    await one.snapshot();
    isDown = true;
    expect(await one.create(named('example'))).toStrictEqual({ etag: undefined });
    await expect(one.create(named('example'))).rejects.toThrow('down');
  });
});
