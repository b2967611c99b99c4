/** How the agent is, and how probes are told. */
import { expect, test } from 'vitest';
import type { Destination, Held } from '../../agent/destinations.ts';
import { healthOf } from '../../agent/health.ts';
import { readiness } from '../../agent/readiness.ts';
import type { AgentSettings } from '../../agent/settings.ts';

const at = (ms: number): Date => new Date(ms * 1000);
const place = (id: string, wish: string) => ({ id, name: `/${id}`, wish }) as Destination;
const [own, web] = [place('storage', 'identity'), place('web', 'output-1')];
const settings = {
  storage: { type: 'directory', path: '/own' },
  outputs: [{ name: 'web' }],
} as unknown as Pick<AgentSettings, 'storage' | 'outputs'>;
const RENEWALS = { succeeded: 1, failed: 2 } as never;

function health(
  now: number,
  more: object = {},
  unwritten: readonly Destination[] = [],
  of = settings,
  places = [own, web],
) {
  const certificates = new Map(
    Object.entries({ identity: { expires: at(20) }, 'output-1': { expires: at(10) }, ...more }),
  );
  const held = { certificates, lists: 'lists' } as unknown as Held;
  const written = { held, joinedAt: at(1), renewAt: at(5), unwritten };
  return healthOf(of, written, places, RENEWALS, at(now));
}

test('all is well while every certificate is good and written', () => {
  expect(health(9)).toEqual({
    isReady: true,
    renewals: RENEWALS,
    renewedAt: at(1),
    renewAt: at(5),
    lists: 'lists',
    expected: ['storage', 'web'],
    places: [
      { id: 'storage', name: '/storage', isReady: true, isWritten: true, expires: at(20) },
      { id: 'web', name: '/web', isReady: true, isWritten: true, expires: at(10) },
    ],
  });
  expect(readiness(health(9), undefined)).toEqual({
    status: 'healthy',
    outputs: {
      storage: { status: 'healthy', expires: '1970-01-01T00:00:20Z' },
      web: { status: 'healthy', expires: '1970-01-01T00:00:10Z' },
    },
  });
});

test('one that is over is unhealthy, and with it the whole', () => {
  expect(readiness(health(10), undefined)).toMatchObject({
    status: 'unhealthy',
    outputs: {
      storage: { status: 'healthy' },
      web: {
        status: 'unhealthy',
        reason: 'the certificate is over',
        expires: '1970-01-01T00:00:10Z',
      },
    },
  });
});

test('so is one that is not written', () => {
  const one = health(9, {}, [web]);
  expect(one.isReady).toBe(false);
  expect(readiness(one, 'web')).toEqual({
    status: 'unhealthy',
    reason: 'the newest certificate is not written: the log says why',
    expires: '1970-01-01T00:00:10Z',
  });
  expect(readiness(one, 'storage')).toMatchObject({ status: 'healthy' });
});

test('before the first join, and for an output that it did not bring, there is nothing', () => {
  const none = healthOf(settings, undefined, [own, web], RENEWALS, at(0));
  expect(none).toMatchObject({ isReady: false, renewedAt: undefined, lists: undefined });
  const reason = 'there was no join yet';
  expect(readiness(none, 'web')).toEqual({ status: 'unhealthy', reason });
  // It is expected before there is a place for it.
  const early = healthOf(settings, undefined, [], RENEWALS, at(0));
  expect(readiness(early, 'web')).toEqual({ status: 'unhealthy', reason });
  const later = { ...settings, outputs: [{ name: 'later' }] } as unknown as typeof settings;
  const missing = health(9, {}, [], later, [place('later', 'output-9')]);
  expect(readiness(missing, 'later')).toEqual({ status: 'unhealthy', reason });
});

test('of an output that is not expected nothing is said, and storage in memory is none', () => {
  expect(readiness(health(9), 'other')).toBeUndefined();
  const inMemory = { ...settings, storage: { type: 'memory' as const } };
  const one = healthOf(inMemory, undefined, [web], RENEWALS, at(0));
  expect(one.expected).toEqual(['web']);
  expect(readiness(one, 'storage')).toBeUndefined();
});
