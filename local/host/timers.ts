/** Fires timer functions at their times. One function never runs twice at once. */
import type { TypedData } from './core-api.ts';
import type { FunctionApp, TimerFunction } from './function-app.ts';
import { nextOccurrence } from './ncrontab.ts';

/** What a timer function is handed when it runs at `now`. */
export function timerInput({ schedule }: TimerFunction, now: Date): TypedData {
  return {
    json: JSON.stringify({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: {
        Last: now.toISOString(),
        LastUpdated: now.toISOString(),
        Next: nextOccurrence(schedule, now).toISOString(),
      },
      IsPastDue: false,
    }),
  };
}

/** setTimeout can wait for 24.8 days; an hour keeps it right after the machine slept, too. */
const LONGEST_WAIT_MS = 3_600_000;

/** Fires the app's timers until the answer is called. A run that fails is handed to `failed`, and the next one still comes. */
export function startTimers(
  app: FunctionApp,
  failed: (name: string, error: unknown) => void,
): () => void {
  const waiting = new Map<string, NodeJS.Timeout>();
  const run = async (timer: TimerFunction): Promise<void> => {
    await app
      .invoke(timer.name, timerInput(timer, new Date()))
      .catch((error: unknown) => failed(timer.name, error));
  };
  const wait = (timer: TimerFunction, due: Date): void => {
    const left = due.getTime() - Date.now();
    const elapsed = async (): Promise<void> => {
      if (left <= LONGEST_WAIT_MS) await run(timer);
      if (waiting.has(timer.name)) {
        wait(timer, left <= LONGEST_WAIT_MS ? nextOccurrence(timer.schedule, new Date()) : due);
      }
    };
    waiting.set(timer.name, setTimeout(elapsed, Math.max(0, Math.min(left, LONGEST_WAIT_MS))));
  };
  for (const timer of app.functions) {
    if (timer.trigger !== 'timer') continue;
    wait(timer, timer.runOnStartup ? new Date() : nextOccurrence(timer.schedule, new Date()));
  }
  return () => {
    for (const timeout of waiting.values()) clearTimeout(timeout);
    waiting.clear();
  };
}
