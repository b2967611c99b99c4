import { expect, test } from 'vitest';
import { Failure } from '../../agent/failure.ts';
import type { Log } from '../../agent/log.ts';
import { backoffDelay, refuseWhenStopped, retrying } from '../../agent/retry.ts';
import { createClock } from './clock.ts';

const BACKOFF = { tries: 4, firstMs: 1000, mostMs: 3000 };
const passing = (retryAfterMs?: number) =>
  new Failure('broker_unavailable', 'busy', { retryAfterMs });

test('the wait is a random part of a span that doubles, up to a limit', () => {
  const most = [1, 2, 3, 4].map((failures) => backoffDelay(failures, BACKOFF, () => 1));
  expect(most).toEqual([1000, 2000, 3000, 3000]);
  expect(backoffDelay(2, BACKOFF, () => 0.25)).toBe(500);
  expect(backoffDelay(1, BACKOFF, () => 0.0004)).toBe(0);
});

function trying(...outcomes: readonly unknown[]) {
  const clock = createClock();
  const stop = new AbortController();
  const said: string[] = [];
  const log = { warn: (message: string) => said.push(message) } as unknown as Log;
  let attempts = 0;
  const result = (mayRetry = true) =>
    retrying(
      { clock, log, stop: stop.signal, random: () => 1 },
      BACKOFF,
      () => mayRetry,
      async () => {
        const outcome = outcomes[attempts];
        attempts += 1;
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
    );
  return { clock, stop, said, result, attempts: () => attempts };
}

test('it is tried again until it works, and each wait is told of', async () => {
  const { result, clock, said } = trying(passing(), passing(1999), passing(9000), 'done');
  expect(await result()).toBe('done');
  expect(clock.sleeps).toEqual([1000, 2000, 9000]);
  expect(said).toEqual([1, 2, 9].map((s) => `busy; trying again in ${s}.0 s`));
});

test('it is tried so often and no more, and only where that may help', async () => {
  const all = trying(...Array(9).fill(passing()));
  await expect(all.result()).rejects.toThrow('busy');
  expect(all.attempts()).toBe(4);
  for (const [outcome, mayRetry] of [
    [new TypeError('x'), true],
    [passing(), false],
  ] as const) {
    const once = trying(outcome, 'done');
    await expect(once.result(mayRetry)).rejects.toBe(outcome);
    expect([once.attempts(), once.said]).toEqual([1, []]);
  }
});

test('whoever is told to stop tries nothing more', async () => {
  const waiting = trying(passing(), 'done');
  waiting.clock.onSleep = () => waiting.stop.abort();
  await expect(waiting.result()).rejects.toMatchObject({ code: 'stopped' });
  expect(waiting.attempts()).toBe(1);
  const working = trying(passing(), 'done');
  working.stop.abort();
  await expect(working.result()).rejects.toMatchObject({ code: 'stopped' });
  expect(working.clock.sleeps).toEqual([]);
  expect(() => refuseWhenStopped(new AbortController().signal)).not.toThrow();
});
