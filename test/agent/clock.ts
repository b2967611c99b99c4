/** A clock that only moves when somebody sleeps on it. */
import type { Clock } from '../../agent/effects.ts';

export const START = new Date('2026-11-20T19:05:00Z');

export interface TestClock extends Clock {
  /** Milliseconds of each sleep, in order. */
  readonly sleeps: readonly number[];
  /** Called before each sleep; may abort signals. */
  onSleep: (ms: number) => void;
}

export function createClock(start = START): TestClock {
  let time = start.getTime();
  const sleeps: number[] = [];
  const clock: TestClock = {
    sleeps,
    onSleep: () => undefined,
    now: () => new Date(time),
    async sleep(ms, signal) {
      sleeps.push(ms);
      clock.onSleep(ms);
      if (!signal.aborted) time += ms;
    },
  };
  return clock;
}
