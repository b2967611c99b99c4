/** Trying again: exponential backoff with full jitter, and never before the other side wants to be asked again. */
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';

export interface Backoff {
  /** How often at most, the first time included. */
  readonly tries: number;
  readonly firstMs: number;
  readonly mostMs: number;
}

/** How long to wait after the given number of failures: a random part of a span that doubles each time. */
export function backoffDelay(
  failures: number,
  backoff: Pick<Backoff, 'firstMs' | 'mostMs'>,
  random: () => number,
): number {
  return Math.round(random() * Math.min(backoff.mostMs, backoff.firstMs * 2 ** (failures - 1)));
}

export async function retrying<T>(
  { clock, random, log, stop }: Pick<Effects, 'clock' | 'random' | 'log' | 'stop'>,
  backoff: Backoff,
  mayRetry: (failure: Failure) => boolean,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      refuseWhenStopped(stop);
      if (!(error instanceof Failure) || failures >= backoff.tries || !mayRetry(error)) throw error;
      const wait = Math.max(backoffDelay(failures, backoff, random), error.retryAfterMs ?? 0);
      log.warn(`${error.message}; trying again in ${(wait / 1000).toFixed(1)} s`);
      await clock.sleep(wait, stop);
      refuseWhenStopped(stop);
    }
  }
}

/** Throws a `Failure` once joinbot was told to stop. */
export function refuseWhenStopped(stop: AbortSignal): void {
  if (stop.aborted) throw new Failure('stopped', 'joinbot was told to stop');
}
