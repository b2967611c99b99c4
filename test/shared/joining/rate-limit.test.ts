import { expect, test } from 'vitest';
import { createRateLimit, type RateLimit } from '../../../shared/joining/rate-limit.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 20, 12) + seconds * 1000);

const taken = (limit: RateLimit, caller: string, seconds = 0): boolean => {
  try {
    limit.take(caller, at(seconds));
    return true;
  } catch {
    return false;
  }
};

test('a caller has so many tries in a minute, and another one has their own', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 2 });
  expect([1, 2, 3].map(() => taken(limit, 'a', 12.5))).toEqual([true, true, false]);
  expect(taken(limit, 'b', 12.5)).toBe(true);
  expect(taken(limit, 'a', 60)).toBe(true);
});

test('a refusal says how long to wait', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 1 });
  limit.take('a', at(12.5));
  expect(() => limit.take('a', at(12.5))).toThrow(
    expect.objectContaining({
      code: 'throttled',
      message: 'too many joins in this minute',
      retryAfter: 48,
    }),
  );
});

test('a request of the minute before does not begin that minute again', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 1 });
  expect([60, 59, 61].map((seconds) => taken(limit, 'a', seconds))).toEqual([true, false, false]);
});

test('a try that is taken back counts as none, in its own minute only', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 1 });
  limit.take('a', at(0))();
  expect(taken(limit, 'a', 1)).toBe(true);
  const takeBack = limit.take('a', at(60));
  expect(taken(limit, 'a', 120)).toBe(true);
  takeBack();
  expect(taken(limit, 'a', 121)).toBe(false);
});

test('no more callers are known than it says: the first ones are forgotten', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 1, mostCallers: 2 });
  expect(['a', 'b', 'c'].map((caller) => taken(limit, caller))).toEqual([true, true, true]);
  expect(taken(limit, 'c')).toBe(false);
  expect(taken(limit, 'a')).toBe(true);
});

test('those that are known are not forgotten, as long as there is room', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 2, mostCallers: 2 });
  const tries = ['a', 'b', 'b', 'a', 'a', 'b'].map((caller) => taken(limit, caller));
  expect(tries).toEqual([true, true, true, true, false, false]);
  // Of three, the one that came first.
  expect(taken(limit, 'c')).toBe(true);
  expect(['b', 'a'].map((caller) => taken(limit, caller))).toEqual([false, true]);
});

test('a try of a caller who was forgotten is taken back from nobody', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 1, mostCallers: 1 });
  const takeBack = limit.take('a', at(0));
  limit.take('b', at(0));
  takeBack();
  expect(['a', 'a'].map((caller) => taken(limit, caller))).toEqual([true, false]);
});

test('0 is no limit', () => {
  const limit = createRateLimit({ of: 'joins', perMinute: 0 });
  expect([1, 2, 3].every(() => taken(limit, 'a'))).toBe(true);
});
