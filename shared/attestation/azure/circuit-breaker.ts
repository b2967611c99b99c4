/**
 * What failed is left alone for as long as it asked for; then one try goes through, and the others wait for what becomes
 * of it (rule 7). Each key fails by itself.
 */
import { Refusal } from '../../refusal.ts';
import { toldAgain } from './machine-directory.ts';
import { remember } from './remember.ts';

export interface CircuitBreaker {
  /** Asks, unless what this key stands for failed lately: then throws `unavailable` with the seconds that are left. */
  run<T>(key: string, ask: () => Promise<T>): Promise<T>;
}

interface Failure {
  readonly error: Refusal;
  /** Milliseconds. */
  readonly until: number;
  /** A try is under way. */
  tried: boolean;
}

const SECONDS = 5;

/** `counts` says which failures are of what the key stands for. `now` is the server's clock. */
export function createCircuitBreaker(
  now: () => Date,
  counts: (error: Refusal) => boolean,
): CircuitBreaker {
  const failures = new Map<string, Failure>();

  function fail(key: string, error: Refusal): void {
    const until = now().getTime() + (error.retryAfter ?? SECONDS) * 1000;
    remember(failures, key, { error, until, tried: false });
  }

  return {
    async run(key, ask) {
      const known = failures.get(key);
      if (known) {
        const left = Math.ceil((known.until - now().getTime()) / 1000);
        if (left > 0 || known.tried) throw toldAgain(known.error, Math.max(left, 1));
        known.tried = true;
      }
      try {
        const answer = await ask();
        failures.delete(key);
        return answer;
      } catch (error) {
        if (error instanceof Refusal && error.code === 'unavailable' && counts(error))
          fail(key, error);
        else failures.delete(key);
        throw error;
      }
    },
  };
}
