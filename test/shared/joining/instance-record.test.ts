import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { VerifiedMachine } from '../../../shared/attestation/azure/machine-binding.ts';
import { parsePublicKeyInfo } from '../../../shared/encoding/public-key-info.ts';
import {
  type DecidedJoin,
  firstInstance,
  renewedInstance,
  usedFor,
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
const machine = {
  vmId: 'vm',
  tenant: 'tenant',
  subscription: 'subscription',
  resourceGroup: 'group1',
  resourceId: '/subscriptions/…',
  name: 'vm-a',
  oid: 'oid',
  binding: 'strict',
} as unknown as VerifiedMachine;

/** A join at this many seconds after noon, with challenge `c<n>` and certificates of these lives. */
function join(n: number, seconds = 0, lives: readonly number[] = [3600]): DecidedJoin {
  const key = newKey();
  const wish = { name: 'identity', csr: '' };
  return {
    bot: 'example',
    joinToken: 'example-bot',
    challenge: {
      id: `c${n}`,
      issued: later(seconds),
      expires: later(seconds + 300),
      instanceId: undefined,
    },
    requestDigest: `digest ${n}`,
    keys: lives.map(() => ({ wish, tlsKey: key, sshKey: key, provesPossession: () => true })),
    certificates: lives.map((life, i) => ({
      name: `certificate ${i}`,
      serial: `serial ${n}.${i}`,
      issued: noon + seconds,
      expires: noon + seconds + life,
    })),
    machine,
    machineVerified: later(-100),
    at: later(seconds),
  };
}

const serialsOf = ({ serials }: Instance): string[] => serials.map(({ serial }) => serial);

describe('the first join', () => {
  const first = join(1, 0, [3600, 7200]);
  const instance = firstInstance(first);

  test('makes an instance of the id of its challenge', () => {
    expect(instance).toMatchObject({
      id: 'c1',
      bot: 'example',
      joinToken: 'example-bot',
      generation: 1,
      joined: noon,
      seen: noon,
      machine: { ...machine, verified: noon - 100 },
    });
  });

  test('the key of its first certificate is the instance key, as long as that certificate lives', () => {
    expect(instance.instanceKey).toEqual(first.keys[0]?.tlsKey.der);
    expect(instance.instanceKeyExpires).toBe(noon + 3600);
  });

  test('its challenge is used, and its serials are kept', () => {
    expect(serialsOf(instance)).toEqual(['serial 1.0', 'serial 1.1']);
    expect(usedFor(instance, 'c1')).toEqual({
      id: 'c1',
      requestDigest: 'digest 1',
      generation: 1,
      certificates: first.certificates,
      expires: noon + 300,
    });
    expect(usedFor(instance, 'c2')).toBeUndefined();
  });

  test('outlives everything that it says by an hour', () => {
    expect(instance.goneAfter).toBe(noon + 7200 + 3600);
    expect(firstInstance(join(1, 0, [60])).goneAfter).toBe(noon + 300 + 3600);
  });
});

describe('a renewal', () => {
  const first = firstInstance(join(1));

  test('goes up by one generation, with keys and machine of its own', () => {
    const second = join(2, 1000);
    const renewed = renewedInstance(first, second);
    expect(renewed).toMatchObject({
      id: 'c1',
      generation: 2,
      joined: noon,
      seen: noon + 1000,
      instanceKey: second.keys[0]?.tlsKey.der,
      instanceKeyExpires: noon + 4600,
      goneAfter: noon + 4600 + 3600,
    });
    expect(usedFor(renewed, 'c2')).toMatchObject({ generation: 2, requestDigest: 'digest 2' });
  });

  test('remembers challenges that are not over yet, and serials that are not either', () => {
    const soon = renewedInstance(first, join(2, 299));
    expect([usedFor(soon, 'c1'), usedFor(soon, 'c2')]).toMatchObject([
      { generation: 1 },
      { generation: 2 },
    ]);
    const later = renewedInstance(soon, join(3, 300));
    expect(later.usedChallenges.map(({ id }) => id)).toEqual(['c2', 'c3']);
    expect(serialsOf(later)).toEqual(['serial 1.0', 'serial 2.0', 'serial 3.0']);
    const end = renewedInstance(later, join(4, 3600));
    expect(serialsOf(end)).toEqual(['serial 2.0', 'serial 3.0', 'serial 4.0']);
  });

  test('keeps every unexpired serial, in the order of their ends, and is refused where they are too many', () => {
    const lives = Array.from({ length: 16 }, (_, i) => 100_000 - i);
    let instance = firstInstance(join(0, 0, lives));
    for (let n = 1; n < 25; n += 1) instance = renewedInstance(instance, join(n, n * 1000, lives));
    expect(new Set(serialsOf(instance)).size).toBe(400);
    const expiries = instance.serials.map(({ expires }) => expires);
    expect(expiries).toEqual(expiries.toSorted((a, b) => a - b));
    expect(() => renewedInstance(instance, join(25, 25_000, lives))).toThrow(
      expect.objectContaining({ code: 'try_again' }),
    );
    expect(renewedInstance(instance, join(25, 100_000, lives)).serials.length).toBeLessThanOrEqual(
      400,
    );
  });

  test('is refused for a while where it comes too often, and works again later', () => {
    let instance = first;
    const renewOften = () => {
      for (let n = 2; n < 100; n += 1) instance = renewedInstance(instance, join(n));
    };
    expect(renewOften).toThrow(expect.objectContaining({ code: 'try_again' }));
    expect(renewedInstance(instance, join(100, 300)).usedChallenges).toHaveLength(1);
  });
});

test('the largest instance that there can be fits a row of Table Storage', async () => {
  const full = (n: number): DecidedJoin => ({
    ...join(n, 0, Array(16).fill(86_400)),
    bot: 'b'.repeat(63),
    joinToken: 't'.repeat(63),
    challenge: {
      ...join(n).challenge,
      id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    },
    requestDigest: 'f'.repeat(64),
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
    const stored = await instances.read(instance.bot, instance.id);
    try {
      instance = renewedInstance(instance, full(n));
    } catch (error) {
      expect(error).toMatchObject({ code: 'try_again' });
      return;
    }
    expect(await instances.replace(instance, stored?.etag ?? '')).toBe(true);
  }
  expect.unreachable('there is no limit');
});
