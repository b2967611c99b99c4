import { describe, expect, test } from 'vitest';
import { createInstances, type Instance } from '../../../shared/storage/instances.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;

const instance = (change: Partial<Instance> = {}): Instance => ({
  id: '0a1b2c3d-1111-4111-8111-111111111111',
  bot: 'example',
  joinToken: 'example-bot',
  generation: 3,
  instanceKey: Buffer.from('public key'),
  instanceKeyExpires: noon + 3600,
  machine: {
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
  serials: [{ serial: '41'.repeat(16), expires: noon + 3600 }],
  usedChallenges: [
    {
      id: '66666666-6666-4666-8666-666666666666',
      requestDigest: 'ab'.repeat(32),
      generation: 3,
      certificates: [
        { name: 'identity', serial: '41'.repeat(16), issued: noon, expires: noon + 3600 },
      ],
      expires: noon + 300,
    },
  ],
  joined: noon - 100,
  seen: noon,
  goneAfter: noon + 7200,
  ...change,
});

test('an instance comes back as it was', async () => {
  const instances = createInstances(createMemoryTable());
  expect(await instances.insert(instance())).toBe(true);
  expect(await instances.read('example', instance().id)).toEqual({
    instance: instance(),
    etag: expect.any(String),
  });
});

test('is found under its own bot only', async () => {
  const instances = createInstances(createMemoryTable());
  await instances.insert(instance());
  expect(await instances.read('exampl', instance().id)).toBeUndefined();
  expect(await instances.read('example', instance().id.replace('0a', '0b'))).toBeUndefined();
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
  const stored = await instances.read('example', instance().id);
  const next = instance({ generation: 4 });
  expect(await instances.replace(next, stored?.etag ?? '')).toBe(true);
  expect(await instances.replace(instance({ generation: 5 }), stored?.etag ?? '')).toBe(false);
  expect((await instances.read('example', next.id))?.instance).toEqual(next);
});

test('instances of one bot share sixteen partitions', async () => {
  const table = createMemoryTable();
  const instances = createInstances(table);
  for (const digit of '0123456789abcdef')
    await instances.insert(instance({ id: instance().id.replace('0', digit) }));
  const rows = await table.list({});
  expect(new Set(rows.map(({ partition }) => partition)).size).toBe(16);
});

describe('a sweep', () => {
  const ids = [1, 2, 3].map((n) => instance().id.replace('0', String(n)));

  test('removes what is over, and nothing else', async () => {
    const instances = createInstances(createMemoryTable());
    for (const [i, id] of ids.entries())
      await instances.insert(instance({ id, goneAfter: noon - 1 + i }));
    expect(await instances.sweep(NOON)).toBe(1);
    const left = await Promise.all(ids.map((id) => instances.read('example', id)));
    expect(left.map((one) => one !== undefined)).toEqual([false, true, true]);
    expect(await instances.sweep(NOON)).toBe(0);
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
        const stored = await instances.read('example', old.id);
        await instances.replace(instance(), stored?.etag ?? '');
        return rows;
      },
    });
    expect(await sweeping.sweep(NOON)).toBe(0);
    expect((await instances.read('example', old.id))?.instance).toEqual(instance());
  });
});
