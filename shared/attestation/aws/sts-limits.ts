/**
 * How often STS is asked. Nothing of a signed request can be proved here, so a stranger could make the broker ask: the
 * calls in flight are capped for the whole process, and those of a minute for each join token.
 */
import { throttled } from '../../refusal.ts';

export interface StsLimits {
  /**
   * Asks, unless a limit is reached: then it throws `throttled` (429), with the seconds to wait. `joinToken` is the
   * name of one that exists, so the counts are as many as there are join tokens. What one caller may ask for is limited
   * before (joining/caller.ts).
   */
  ask<T>(joinToken: string, at: Date, call: () => Promise<T>): Promise<T>;
}

export interface StsLimitOptions {
  readonly inFlight?: number;
  readonly perMinute?: number;
}

const IN_FLIGHT = 32;
const PER_MINUTE = 600;

export function createStsLimits({
  inFlight = IN_FLIGHT,
  perMinute = PER_MINUTE,
}: StsLimitOptions = {}): StsLimits {
  let running = 0;
  let minute = 0;
  /** Of this minute. */
  const calls = new Map<string, number>();

  return {
    async ask(joinToken, at, call) {
      const now = Math.floor(at.getTime() / 60_000);
      // Requests of one moment come in any order: an older one must not begin the past minute again.
      if (now > minute) {
        minute = now;
        calls.clear();
      }
      const count = calls.get(joinToken) ?? 0;
      if (count >= perMinute) {
        const seconds = Math.ceil(((minute + 1) * 60_000 - at.getTime()) / 1000);
        throw throttled(`join token ${joinToken} was used too often in this minute`, seconds);
      }
      if (running >= inFlight) throw throttled('too many calls to STS are under way', 1);
      calls.set(joinToken, count + 1);
      running += 1;
      try {
        return await call();
      } finally {
        running -= 1;
      }
    },
  };
}
