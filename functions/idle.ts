/** Finds the moment at which nobody waits for the process, for work that would make somebody wait. */

export interface Idleness {
  /** An invocation began. */
  began(): void;
  /** It has ended. */
  ended(): void;
}

export interface IdleTimes {
  /** How long nothing may have happened. */
  readonly quietMs: number;
  /** How long after the first invocation a process that is never quiet does the work nevertheless. */
  readonly latestMs: number;
}

/** Does the task once: after the first invocation has ended, when nothing has happened for a while. */
export function onceIdle(
  task: () => void,
  { quietMs, latestMs }: IdleTimes = { quietMs: 1000, latestMs: 30_000 },
): Idleness {
  let running = 0;
  let quiet: NodeJS.Timeout | undefined;
  let latest: NodeJS.Timeout | undefined;
  let done = false;

  function run(): void {
    clearTimeout(quiet);
    clearTimeout(latest);
    done = true;
    task();
  }

  return {
    began() {
      running += 1;
      clearTimeout(quiet);
    },
    ended() {
      running -= 1;
      if (done) return;
      latest ??= setTimeout(run, latestMs).unref();
      if (running === 0) quiet = setTimeout(run, quietMs).unref();
    },
  };
}
