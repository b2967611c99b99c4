import { describe, expect, test } from 'vitest';
import type { HeartbeatRecord } from '../../../shared/protocol/heartbeat.ts';
import { createHeartbeats } from '../../../shared/storage/heartbeats.ts';
import {
  createInstances,
  type Instance,
  type Instances,
  type StoredInstance,
} from '../../../shared/storage/instances.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { watchTables } from '../../broker/watched-tables.ts';
import { askedTable } from './asked-table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;

const instance = (change: Partial<Instance> = {}): Instance => ({
  id: '0a1b2c3d-1111-4111-8111-111111111111',
  owner: 'bot:example',
  role: 'Bot',
  joinToken: 'example-bot',
  madeBy: 'ef'.repeat(32),
  generation: 3,
  instanceKey: Buffer.from('public key'),
  instanceKeyExpires: noon + 3600,
  machine: {
    method: 'azure',
    vmId: '22222222-2222-4222-8222-222222222222',
    tenant: '33333333-3333-4333-8333-333333333333',
    subscription: '44444444-4444-4444-8444-444444444444',
    resourceGroup: 'grüppe (1)',
    resourceId: '/subscriptions/…',
    name: 'vm-a',
    oid: '55555555-5555-4555-8555-555555555555',
    binding: 'strict',
    verified: noon,
  },
  names: ['vm-a.group1.test.example.org'],
  serials: [{ serial: '41'.repeat(16), expires: noon + 3600 }],
  answered: [
    {
      digest: 'ab'.repeat(32),
      generation: 3,
      certificates: [
        { name: 'identity', serial: '41'.repeat(16), issued: noon, expires: noon + 3600 },
      ],
      expires: noon + 300,
    },
  ],
  replaced: [
    {
      generation: 2,
      key: 'cd'.repeat(32),
      by: 'ab'.repeat(32),
      at: noon,
      expires: noon + 3600,
    },
  ],
  joined: noon - 100,
  seen: noon,
  goneAfter: noon + 7200,
  ...change,
});

/** The rows of this instance alone. */
async function rowsOf(one: Instance) {
  const table = createMemoryTable();
  await createInstances(table).insert(one);
  return table.list({});
}

/** The row, which must be there and no tombstone. */
async function found(instances: Instances, id = instance().id): Promise<StoredInstance> {
  const row = await instances.read('bot:example', id);
  if (!row || 'removed' in row) throw new Error('there is no such instance');
  return row;
}

test('an instance comes back as it was', async () => {
  const instances = createInstances(createMemoryTable());
  expect(await instances.insert(instance())).toBe(true);
  expect(await instances.read('bot:example', instance().id)).toEqual({
    instance: instance(),
    etag: expect.any(String),
  });
});

test('is found under its own bot only', async () => {
  const instances = createInstances(createMemoryTable());
  await instances.insert(instance());
  expect(await instances.read('bot:exampl', instance().id)).toBeUndefined();
  expect(await instances.read('bot:example', instance().id.replace('0a', '0b'))).toBeUndefined();
});

test('is inserted once', async () => {
  const instances = createInstances(createMemoryTable());
  const answers = await Promise.all(
    [1, 2, 3].map((generation) => instances.insert(instance({ generation }))),
  );
  expect(answers.filter(Boolean)).toHaveLength(1);
});

test('is replaced by its ETag', async () => {
  const instances = createInstances(createMemoryTable());
  await instances.insert(instance());
  const stored = await found(instances);
  const next = instance({ generation: 4 });
  expect(await instances.replace(next, stored.etag)).toBe(true);
  expect(await instances.replace(instance({ generation: 5 }), stored.etag)).toBe(false);
  expect((await found(instances)).instance).toEqual(next);
});

test('instances of one bot share sixteen partitions', async () => {
  const table = createMemoryTable();
  const instances = createInstances(table);
  for (const digit of '0123456789abcdef')
    await instances.insert(instance({ id: instance().id.replace('0', digit) }));
  const rows = await table.list({});
  expect(new Set(rows.map(({ partition }) => partition)).size).toBe(16);
});

describe('an instance that is removed by hand', () => {
  test('leaves a tombstone for as long as it would have lived', async () => {
    const instances = createInstances(createMemoryTable());
    await instances.insert(instance());
    const { etag } = await found(instances);
    expect(await instances.remove(instance(), etag)).toBe(true);
    expect(await instances.read('bot:example', instance().id)).toEqual({
      removed: true,
      madeBy: instance().madeBy,
    });
    expect(await instances.insert(instance())).toBe(false);
    expect(await instances.list('bot:example', undefined, 10)).toEqual([]);
    expect(await instances.sweep(new Date((instance().goneAfter - 1) * 1000))).toBe(0);
    expect(await instances.sweep(new Date((instance().goneAfter + 1) * 1000))).toBe(1);
  });

  test("is removed, also where the SDK's own second try meets the first", async () => {
    const storage = watchTables();
    const instances = createInstances(storage.tables.instances);
    await instances.insert(instance());
    const { etag } = await found(instances);
    storage.fail('instances', 'tried_twice');
    expect(await instances.remove(instance(), etag)).toBe(true);
    expect(await instances.read('bot:example', instance().id)).toMatchObject({ removed: true });
  });

  test('and was swept before it was read back, is removed', async () => {
    const instances = createInstances(createMemoryTable());
    expect(await instances.remove(instance(), 'any')).toBe(true);
  });

  test('is not removed if it has renewed itself since', async () => {
    const instances = createInstances(createMemoryTable());
    await instances.insert(instance());
    const { etag } = await found(instances);
    await instances.replace(instance({ generation: 4 }), etag);
    expect(await instances.remove(instance(), etag)).toBe(false);
    expect((await found(instances)).instance.generation).toBe(4);
  });
});

test('the instances of an owner are listed, those of another one are not', async () => {
  const instances = createInstances(createMemoryTable());
  const ids = ['0', '7', 'f'].map((digit) => instance().id.replace('0', digit));
  for (const id of ids) await instances.insert(instance({ id }));
  await instances.insert(instance({ owner: 'host:Node' }));
  const listed = await instances.list('bot:example', undefined, 10);
  expect(listed.map((one) => one.instance.id)).toEqual(ids);
  const [first] = await instances.list('bot:example', undefined, 1);
  expect(first?.instance.id).toBe(ids[0]);
  const rest = await instances.list('bot:example', ids[0], 10);
  expect(rest.map((one) => one.instance.id)).toEqual(ids.slice(1));
});

describe('a list goes on', () => {
  const [first = '', second = '', third = ''] = ['7a', '7b', '80'].map((start) =>
    instance().id.replace('0a', start),
  );
  async function listing() {
    const { table, queries } = askedTable();
    const instances = createInstances(table);
    for (const id of [third, second, first]) await instances.insert(instance({ id }));
    const idsAfter = async (after: string | undefined, most: number) =>
      (await instances.list('bot:example', after, most)).map((one) => one.instance.id);
    return { queries, idsAfter };
  }

  test.each([
    [undefined, 3, [first, second, third]],
    [undefined, 2, [first, second]],
    [first, 3, [second, third]],
    [first, 1, [second]],
    [third, 3, []],
  ])('after %s, with at most %i', async (after, most, expected) => {
    const { idsAfter } = await listing();
    expect(await idsAfter(after, most)).toEqual(expected);
  });

  test('and reads no rows that it has passed', async () => {
    const { queries, idsAfter } = await listing();
    await idsAfter(undefined, 3);
    expect(queries).toHaveLength(16);
    for (const query of queries) expect(query).not.toHaveProperty('keyAfter');
    queries.length = 0;
    await idsAfter(first, 3);
    expect(queries.map(({ partition }) => partition)).toEqual(
      [...'789abcdef'].map((digit) => `bot:example:${digit}`),
    );
    for (const { keyAfter } of queries) expect(keyAfter).toBe(first);
  });
});

test('what every instance has out is told in few words; of one that was removed nothing', async () => {
  const { table, queries } = askedTable();
  const instances = createInstances(table);
  const host = instance({ id: instance().id.replace('0', '1'), owner: 'host:Node' });
  const gone = instance({ id: instance().id.replace('0', '2') });
  for (const one of [instance(), host, gone]) await instances.insert(one);
  await instances.remove(gone, '*');
  await createHeartbeats(table).put('bot:example', instance().id, {} as HeartbeatRecord, noon);
  expect(await instances.listCertified()).toEqual(
    [instance(), host].map(({ id, owner, joinToken, machine, serials }) => ({
      id,
      owner,
      joinToken,
      machine,
      serials,
    })),
  );
  expect(queries[0]?.columns).toEqual(['owner', 'joinToken', 'machine', 'serials']);
});

describe('a sweep', () => {
  const ids = [1, 2, 3].map((n) => instance().id.replace('0', String(n)));

  test('removes what is over, and nothing else', async () => {
    const instances = createInstances(createMemoryTable());
    for (const [i, id] of ids.entries())
      await instances.insert(instance({ id, goneAfter: noon - 1 + i }));
    expect(await instances.sweep(NOON)).toBe(1);
    const left = await Promise.all(ids.map((id) => instances.read('bot:example', id)));
    expect(left.map((one) => one !== undefined)).toEqual([false, true, true]);
    expect(await instances.sweep(NOON)).toBe(0);
  });

  test('goes on page by page until nothing is over, and asks no more than it must', async () => {
    const table = createMemoryTable();
    let pages = 0;
    const instances = createInstances({
      ...table,
      list: (query) => {
        pages += 1;
        return table.list(query);
      },
    });
    const old = Array.from({ length: 250 }, (_, i) => `${instance().id.slice(0, -3)}${100 + i}`);
    for (const id of old) await instances.insert(instance({ id, goneAfter: noon - 1 }));
    const living = `${instance().id.slice(0, -3)}fff`;
    expect(await instances.insert(instance({ id: living, goneAfter: noon }))).toBe(true);
    expect(await instances.sweep(NOON)).toBe(250);
    expect(pages).toBe(3);
    expect(await table.list({})).toHaveLength(1);
  });

  test('ends, where rows that are over do not go', async () => {
    const table = createMemoryTable();
    const [row] = await rowsOf(instance({ goneAfter: noon - 1 }));
    let pages = 0;
    const instances = createInstances({
      ...table,
      list: async () => {
        pages += 1;
        return row ? Array(100).fill(row) : [];
      },
      apply: async () => false,
    });
    expect(await instances.sweep(NOON)).toBe(0);
    expect(pages).toBe(100);
  });

  test('leaves an instance that renews itself at the same moment', async () => {
    const table = createMemoryTable();
    const instances = createInstances(table);
    const old = instance({ goneAfter: noon - 1 });
    await instances.insert(old);
    const sweeping = createInstances({
      ...table,
      async list(query) {
        const rows = await table.list(query);
        const stored = await found(instances);
        await instances.replace(instance(), stored.etag);
        return rows;
      },
    });
    expect(await sweeping.sweep(NOON)).toBe(0);
    expect((await found(instances)).instance).toEqual(instance());
  });
});
