import { expect, test } from 'vitest';
import { backoffDelay } from '../../agent/retry.ts';
import { retryAfterMs } from '../../agent/retry-after.ts';
import { untilNextTry, untilRenewal } from '../../agent/schedule.ts';

const now = new Date('2026-11-20T19:05:00Z');
const inMinutes = (minutes: number) => new Date(now.getTime() + minutes * 60_000);

test.each([
  ['the interval', 60, 0, 1_200_000],
  ['the interval, up to a tenth shorter', 60, 0.999, 1_080_120],
  ['half of what is left of the lifetime', 30, 0, 900_000],
  ['a few seconds at least', 0, 0, 5000],
])('renews after %s', (_, minutes, random, wait) => {
  const times = { intervalMs: 1_200_000, expires: inMinutes(minutes), now };
  expect(untilRenewal(times, () => random)).toBe(wait);
});

test('waits a random part of a span that doubles up to its limit', () => {
  const backoff = { firstMs: 1000, mostMs: 5000 };
  expect([1, 2, 3, 4, 9].map((failures) => backoffDelay(failures, backoff, () => 1))).toEqual([
    1000, 2000, 4000, 5000, 5000,
  ]);
  expect(backoffDelay(3, backoff, () => 0.25)).toBe(1000);
});

test('after failures the agent waits between five seconds and five minutes', () => {
  expect(untilNextTry(1, () => 0)).toBe(5000);
  expect(untilNextTry(100, () => 1)).toBe(300_000);
});

test.each([
  ['7', 7000],
  ['0', 0],
  ['120', 120_000],
  ['119', 119_000],
  ['999999', 120_000],
  ['', undefined],
  ['1.5x', undefined],
  ['Fri, 20 Nov 2026 19:05:30 GMT', 30_000],
  ['Fri, 20 Nov 2026 19:04:30 GMT', 0],
  ['20 Nov 2026 19:05:30 GMT', 30_000],
  ['Fri, 20 Nov 2026 19:05:30 +0000', 30_000],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After: %s', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms);
});
