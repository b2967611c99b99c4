import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parsePublicKeyInfo } from '../../../shared/encoding/public-key-info.ts';
import {
  answeredWith,
  type DecidedJoin,
  firstInstance,
  keyHash,
  renewedInstance,
} from '../../../shared/joining/instance-record.ts';
import { createInstances, type Instance } from '../../../shared/storage/instances.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

const newKey = () =>
  parsePublicKeyInfo(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      type: 'spki',
      format: 'der',
    }),
  );
const machine = { method: 'azure', vmId: 'vm', tenant: 'tenant', verified: noon - 100 };

/** A join at this many seconds after noon, with request `<n>` and certificates of these lives. */
function join(n: number, seconds = 0, lives: readonly number[] = [3600]): DecidedJoin {
  const key = newKey();
  const wish = { name: 'identity', csr: '' };
  return {
    instanceId: 'i1',
    owner: 'bot:example',
    role: 'Bot',
    joinToken: 'example-bot',
    digest: `digest ${n}`,
    keys: lives.map(() => ({ wish, tlsKey: key, sshKey: key, provesPossession: () => true })),
    certificates: lives.map((life, i) => ({
      name: `certificate ${i}`,
      serial: `serial ${n}.${i}`,
      issued: noon + seconds,
      expires: noon + seconds + life,
    })),
    machine,
    names: [],
    freshSeconds: 300,
    keptUntil: 0,
    at: later(seconds),
  };
}

const serialsOf = ({ serials }: Instance): string[] => serials.map(({ serial }) => serial);

describe('the first join', () => {
  const first = join(1, 0, [3600, 7200]);
  const instance = firstInstance(first);

  test('makes an instance of the id that was decided', () => {
    expect(instance).toMatchObject({
      id: 'i1',
      owner: 'bot:example',
      role: 'Bot',
      joinToken: 'example-bot',
      generation: 1,
      joined: noon,
      seen: noon,
      machine,
      replaced: [],
    });
  });

  test('the key of its first certificate is the instance key, as long as that certificate lives', () => {
    expect(instance.instanceKey).toEqual(first.keys[0]?.tlsKey.der);
    expect(instance.instanceKeyExpires).toBe(noon + 3600);
  });

  test('its request is answered, and its serials are kept', () => {
    expect(instance.answered).toHaveLength(1);
    expect(serialsOf(instance)).toEqual(['serial 1.0', 'serial 1.1']);
    expect(answeredWith(instance, 'digest 1', later(299))).toEqual({
      digest: 'digest 1',
      generation: 1,
      certificates: first.certificates,
      expires: noon + 300,
    });
    expect(answeredWith(instance, 'digest 1', later(300))).toBeUndefined();
    expect(answeredWith(instance, 'digest 2', NOON)).toBeUndefined();
  });

  test('outlives everything that it says by an hour', () => {
    expect(instance.goneAfter).toBe(noon + 7200 + 3600);
    expect(firstInstance(join(1, 0, [60])).goneAfter).toBe(noon + 300 + 3600);
    const kept = { ...join(1, 0, [60]), keptUntil: noon + 86_400 };
    expect(firstInstance(kept).goneAfter).toBe(noon + 86_400 + 3600);
  });
});

describe('a renewal', () => {
  const first = firstInstance(join(1));

  test('goes up by one generation, with keys and machine of its own', () => {
    const second = join(2, 1000);
    const renewed = renewedInstance(first, second);
    expect(renewed).toMatchObject({
      id: 'i1',
      generation: 2,
      joined: noon,
      seen: noon + 1000,
      instanceKey: second.keys[0]?.tlsKey.der,
      instanceKeyExpires: noon + 4600,
      goneAfter: noon + 4600 + 3600,
    });
    expect(answeredWith(renewed, 'digest 2', later(1000))).toMatchObject({ generation: 2 });
  });

  test('remembers requests whose evidence is fresh, and serials that are not over', () => {
    const soon = renewedInstance(first, join(2, 299));
    expect(soon.answered.map(({ digest }) => digest)).toEqual(['digest 1', 'digest 2']);
    const after = renewedInstance(soon, join(3, 300));
    expect(after.answered.map(({ digest }) => digest)).toEqual(['digest 2', 'digest 3']);
    expect(serialsOf(after)).toEqual(['serial 1.0', 'serial 2.0', 'serial 3.0']);
    const end = renewedInstance(after, join(4, 3600));
    expect(serialsOf(end)).toEqual(['serial 2.0', 'serial 3.0', 'serial 4.0']);
  });

  test('without evidence can be answered again as long as its certificates live, and only the newest one', () => {
    const byKey = (n: number, seconds = 0) => ({ ...join(n, seconds), freshSeconds: undefined });
    const instance = firstInstance(byKey(1));
    expect(answeredWith(instance, 'digest 1', later(3599))).toBeDefined();
    expect(answeredWith(instance, 'digest 1', later(3600))).toBeUndefined();
    const renewed = renewedInstance(instance, byKey(2, 10));
    expect(renewed.answered.map(({ digest }) => digest)).toEqual(['digest 2']);
  });

  test('keeps the key of every generation whose certificates live, and what replaced it', () => {
    const second = renewedInstance(first, join(2, 1000));
    expect(second.replaced).toEqual([
      {
        generation: 1,
        key: keyHash(first.instanceKey),
        by: 'digest 2',
        at: noon + 1000,
        expires: noon + 3600,
      },
    ]);
    const third = renewedInstance(second, join(3, 3600));
    expect(third.replaced.map(({ generation }) => generation)).toEqual([2]);
  });

  test('keeps every unexpired serial, in the order of their ends, and is refused where they are too many', () => {
    const lives = Array.from({ length: 16 }, (_, i) => 300_000 - i);
    let instance = firstInstance(join(0, 0, lives));
    for (let n = 1; n < 75; n += 1) instance = renewedInstance(instance, join(n, n * 1000, lives));
    expect(new Set(serialsOf(instance)).size).toBe(1200);
    const expiries = instance.serials.map(({ expires }) => expires);
    expect(expiries).toEqual(expiries.toSorted((a, b) => a - b));
    expect(() => renewedInstance(instance, join(75, 75_000, lives))).toThrow(
      expect.objectContaining({ code: 'try_again', retryAfter: 300 }),
    );
    expect(renewedInstance(instance, join(75, 300_000, lives)).serials.length).toBeLessThanOrEqual(
      1200,
    );
  });

  test('is refused for a while where it comes too often, and works again later', () => {
    let instance = first;
    const renewOften = () => {
      for (let n = 2; n < 100; n += 1) instance = renewedInstance(instance, join(n));
    };
    expect(renewOften).toThrow(expect.objectContaining({ code: 'try_again', retryAfter: 60 }));
    expect(instance.answered).toHaveLength(10);
    expect(renewedInstance(instance, join(100, 300)).answered).toHaveLength(1);
  });
});

describe('of more than 150 generations whose certificates live', () => {
  const renewals = (freshSeconds: number | undefined) => {
    const of = (n: number) => ({ ...join(n, n * 301, [86_400]), freshSeconds });
    let instance = firstInstance(of(0));
    for (let n = 1; n <= 150; n += 1) instance = renewedInstance(instance, of(n));
    return { instance, next: () => renewedInstance(instance, of(151)) };
  };

  test('the oldest is forgotten, where evidence proves the machine anew each time', () => {
    const { instance, next } = renewals(300);
    expect(instance.replaced.map(({ generation }) => generation).slice(0, 2)).toEqual([1, 2]);
    expect(next().replaced.map(({ generation }) => generation)).toHaveLength(150);
    expect(next().replaced[0]).toMatchObject({ generation: 2 });
  });

  test('none is forgotten, where an old one shows a copy: the next renewal has to wait', () => {
    const { next } = renewals(undefined);
    expect(next).toThrow(expect.objectContaining({ code: 'try_again', retryAfter: 300 }));
  });
});

test('a renewal for a short life does not end the time in which a copy shows, where only the key proves', () => {
  const by = (freshSeconds: number | undefined) => {
    const instance = firstInstance({ ...join(1, 0, [3600]), freshSeconds });
    return renewedInstance(instance, { ...join(2, 10, [60]), freshSeconds }).instanceKeyExpires;
  };
  expect(by(undefined)).toBe(noon + 3600);
  expect(by(300)).toBe(noon + 70);
  const longer = firstInstance({ ...join(1, 0, [60]), freshSeconds: undefined });
  expect(
    renewedInstance(longer, { ...join(2, 10, [3600]), freshSeconds: undefined }).instanceKeyExpires,
  ).toBe(noon + 3610);
});

test('a join without a certificate makes no instance', () => {
  expect(() => firstInstance({ ...join(1), keys: [] })).toThrow('no certificate');
  expect(() => firstInstance({ ...join(1), certificates: [] })).toThrow('no certificate');
});

test('a key is known by the SHA-256 of its DER', () => {
  expect(keyHash(Buffer.from('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('sixteen certificates for a day, renewed every 20 minutes, go on for days, in one row', async () => {
  const day = (n: number): DecidedJoin => ({
    ...join(n, n * 1200, Array(16).fill(86_400)),
    certificates: Array.from({ length: 16 }, (_, i) => ({
      name: `output-${i}`,
      serial: (n * 16 + i).toString(16).padStart(32, '0'),
      issued: noon + n * 1200,
      expires: noon + n * 1200 + 86_400,
    })),
  });
  const instances = createInstances(createMemoryTable());
  let instance = firstInstance(day(0));
  for (let n = 1; n < 200; n += 1) instance = renewedInstance(instance, day(n));
  expect(instance.serials).toHaveLength(72 * 16);
  expect(await instances.insert(instance)).toBe(true);
  expect(await instances.read(instance.owner, instance.id)).toMatchObject({
    instance: { serials: instance.serials },
  });
});

test('the largest instance that there can be fits a row of Table Storage', async () => {
  const full = (n: number): DecidedJoin => ({
    ...join(n, 0, Array(16).fill(86_400)),
    instanceId: '00000000-0000-4000-8000-000000000000',
    owner: `bot:${'b'.repeat(63)}`,
    joinToken: 't'.repeat(63),
    digest: 'f'.repeat(64),
    certificates: Array.from({ length: 16 }, () => ({
      name: 'n'.repeat(63),
      serial: 'f'.repeat(32),
      issued: noon,
      expires: noon + 86_400,
    })),
  });
  let instance = firstInstance(full(0));
  const instances = createInstances(createMemoryTable());
  expect(await instances.insert(instance)).toBe(true);
  for (let n = 1; n < 100; n += 1) {
    const stored = await instances.read(instance.owner, instance.id);
    if (!stored || 'removed' in stored) throw new Error('it is gone');
    try {
      instance = renewedInstance(instance, full(n));
    } catch (error) {
      expect(error).toMatchObject({ code: 'try_again' });
      return;
    }
    expect(await instances.replace(instance, stored.etag)).toBe(true);
  }
  expect.unreachable('there is no limit');
});

test('the largest number of generations that there can be fits a row of Table Storage', async () => {
  const instances = createInstances(createMemoryTable());
  const full = (n: number): DecidedJoin => ({
    ...join(n, n * 200, [86_400]),
    digest: `${n}`.padStart(64, 'f'),
    freshSeconds: undefined,
  });
  let instance = firstInstance(full(0));
  expect(await instances.insert(instance)).toBe(true);
  for (let n = 1; n <= 150; n += 1) {
    const stored = await instances.read(instance.owner, instance.id);
    if (!stored || 'removed' in stored) throw new Error('it is gone');
    instance = renewedInstance(instance, full(n));
    expect(await instances.replace(instance, stored.etag)).toBe(true);
  }
  expect(instance.replaced).toHaveLength(150);
  expect(() => renewedInstance(instance, full(151))).toThrow(
    expect.objectContaining({ code: 'try_again' }),
  );
  // As soon as the oldest one's certificates are over.
  const later = renewedInstance(instance, full(432));
  expect(later.replaced.map(({ generation }) => generation)).toEqual(
    Array.from({ length: 150 }, (_, i) => i + 2),
  );
});
