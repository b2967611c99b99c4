/** What shows that an identity was copied, and the lock on it. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { lockCopied, showsCopy } from '../../../shared/joining/copied-identity.ts';
import { keyHash } from '../../../shared/joining/instance-record.ts';
import { type JoinBody, type JoinRequest, proofMessage } from '../../../shared/protocol/join.ts';
import { formatTimestamp } from '../../../shared/protocol/values.ts';
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

describe('the key of a replaced generation', () => {
  const noon = NOON.getTime() / 1000;
  const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [old, other, next] = [newKey(), newKey(), newKey()];
  const spki = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
  const named = (key: KeyObject): string => encodeBase64(spki(key));
  const replaced = [
    {
      generation: 1,
      key: keyHash(spki(old.publicKey)),
      by: 'second',
      at: noon - 1000,
      expires: noon,
    },
  ];

  interface Changes {
    readonly generation?: number;
    readonly key?: string | undefined;
    readonly signedBy?: KeyObject;
    readonly time?: string | undefined;
    readonly digest?: string;
    readonly askedKey?: Uint8Array | undefined;
    readonly at?: Date;
    /** What the instance is by now. */
    readonly is?: Partial<Instance>;
  }

  function shows(changes: Changes = {}): boolean {
    const { generation = 1, signedBy = old.privateKey, digest = 'third', at = NOON } = changes;
    const key = 'key' in changes ? changes.key : named(old.publicKey);
    const time = 'time' in changes ? changes.time : formatTimestamp(NOON);
    const proof = encodeBase64(sign('sha256', proofMessage('text'), signedBy));
    const request = { instance: { id: ID, generation, key }, time } as JoinRequest;
    const body = { request: 'text', proof } as JoinBody;
    const asked = { digest, askedKey: spki(other.publicKey), at, ...changes };
    const now = { ...instance, replaced, instanceKey: spki(next.publicKey), ...changes.is };
    return showsCopy(body, request, asked, now);
  }
  const timeAt = (seconds: number): string => formatTimestamp(new Date(seconds * 1000));

  test('in use shows a copy, from a second beyond five minutes on', () => {
    expect(shows()).toBe(true);
    expect(shows({ time: timeAt(noon - 699) })).toBe(true);
    expect(shows({ at: new Date((noon - 699) * 1000) })).toBe(true);
  });

  const since = {
    generation: 2,
    key: keyHash(spki(next.publicKey)),
    by: 'third',
    at: 0,
    expires: 0,
  };
  const newest = { replaced: [...replaced, since], instanceKey: spki(other.publicKey) };
  const kept = { instanceKey: spki(old.publicKey) };

  test.each<[string, Changes]>([
    ['for a key that nobody has', { askedKey: undefined }],
    ['for the newest key, where another one came after it', { is: newest }],
    ['for itself, where it was kept', { askedKey: spki(old.publicKey), is: kept }],
    ['for itself', { askedKey: spki(old.publicKey) }],
  ])('in use %s shows a copy, too', (_, changes) => {
    expect(shows(changes)).toBe(true);
  });

  test.each<[string, Changes]>([
    ['for the key that is in its place now', { askedKey: spki(next.publicKey) }],
    ['for the key that came after it', { askedKey: spki(next.publicKey), is: newest }],
    ['of another generation', { generation: 2 }],
    ['that is not said', { key: undefined }],
    ['that is no base64', { key: '!' }],
    ['that is another one', { key: named(other.publicKey), signedBy: other.privateKey }],
    ['that did not sign', { signedBy: other.privateKey }],
    ['at no time', { time: undefined }],
    ['at a time that is none', { time: 'noon' }],
    ['in the request that replaced it', { digest: 'second' }],
    ['in what was written five minutes after', { time: timeAt(noon - 700) }],
    [
      'in what came five minutes after, by a clock that is ahead',
      { at: new Date((noon - 700) * 1000) },
    ],
  ])('%s shows none', (_, changes) => {
    expect(shows(changes)).toBe(false);
  });

  test('is needed to show one: a request that names no instance shows none', () => {
    const body = { request: 'text' } as JoinBody;
    const asked = { digest: 'third', askedKey: undefined, at: NOON };
    expect(showsCopy(body, {} as JoinRequest, asked, { ...instance, replaced })).toBe(false);
  });
});
