/** The lock on a copied identity. What shows a copy is in renewing.test.ts. */
import { describe, expect, test } from 'vitest';
import { lockCopied } from '../../../shared/joining/copied-identity.ts';
import type { Lock } from '../../../shared/resources/lock.ts';
import type { Instance } from '../../../shared/storage/instances.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createResources } from '../../../shared/storage/resources.ts';
import type { RevokedInstance } from '../../../shared/storage/revoked.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const ID = '11111111-1111-4111-8111-111111111111';
const NAME = `copied-${ID}`;
const serials = [{ serial: 'a'.repeat(32), expires: NOON.getTime() / 1000 + 60 }];
const instance = { id: ID, owner: 'bot:example', serials } as unknown as Instance;
const lockOn = (target: Lock['spec']['target'], expires?: string): Lock => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: NAME },
  spec: { target, ...(expires !== undefined && { expires }) },
});

async function lockBeside(...there: readonly Lock[]) {
  const resources = createResources(createMemoryTable(), () => NOON);
  for (const one of there) await resources.create(one);
  const revoked: RevokedInstance[] = [];
  const revocations = { keepOne: async (one: RevokedInstance) => void revoked.push(one) };
  const locked = await lockCopied(instance, resources, revocations, NOON);
  const stored = (await resources.read('lock', NAME))?.resource;
  return { locked, stored, revoked, resources };
}

test('the instance alone is locked, and its certificates are revoked at once', async () => {
  const { locked, stored, revoked } = await lockBeside();
  expect(locked).toEqual({ lock: stored, isNew: true });
  expect(stored).toEqual({
    kind: 'lock',
    version: 'v2',
    metadata: { name: NAME },
    spec: {
      target: { instance: ID },
      message: expect.stringContaining('its key is in two places'),
    },
  });
  const since = NOON.getTime() / 1000;
  expect(revoked).toEqual([
    { owner: 'bot:example', id: ID, reason: 'lock', by: NAME, since, serials },
  ]);
});

test('a lock that is on it already stays as it is; the certificates are revoked all the same', async () => {
  const held = lockOn({ instance: ID }, '2026-11-20T12:00:01Z');
  const { locked, stored, revoked } = await lockBeside(held);
  expect(locked.isNew).toBe(false);
  expect(stored).toEqual(held);
  expect(revoked).toHaveLength(1);
});

describe('a lock of that name is replaced that', () => {
  test.each<[string, Lock]>([
    ['has ended', lockOn({ instance: ID }, '2026-11-20T12:00:00Z')],
    ['is on another instance', lockOn({ instance: ID.replace('1', '2') })],
    ['is on something else', lockOn({ bot: 'other' })],
  ])('%s', async (_, held) => {
    const { locked, stored } = await lockBeside(held);
    expect(locked.isNew).toBe(true);
    expect(stored).toMatchObject({ spec: { target: { instance: ID } } });
    expect(stored).not.toHaveProperty('spec.expires');
  });
});

test('who replaces it at the same time has locked it', async () => {
  const { resources } = await lockBeside(lockOn({ bot: 'other' }));
  const beaten = {
    ...resources,
    create: async () => undefined,
    read: async () => ({ resource: lockOn({ bot: 'other' }), etag: 'old' }),
  };
  const { isNew } = await lockCopied(instance, beaten, { keepOne: async () => {} }, NOON);
  expect(isNew).toBe(false);
});

test('where the lock is gone again at once, there is none that is new', async () => {
  const { resources } = await lockBeside();
  const emptied = { ...resources, create: async () => undefined, read: async () => undefined };
  const { isNew } = await lockCopied(instance, emptied, { keepOne: async () => {} }, NOON);
  expect(isNew).toBe(false);
});
