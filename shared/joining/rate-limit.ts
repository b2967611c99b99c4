/**
 * How often callers may try in a minute. In the memory of one function instance, and bounded: no limit costs storage, and
 * none is exact over all instances.
 */
import { throttled } from '../refusal.ts';

export interface RateLimit {
  /**
   * Counts one try. Throws `throttled` (429), with the seconds until the next minute, where the caller has used up this
   * one. Gives what takes the try back.
   */
  take(caller: string, at: Date): () => void;
}

export interface RateLimitOptions {
  /** What is counted, in words for the caller. */
  readonly of: string;
  /** 0: no limit. */
  readonly perMinute: number;
  /** How many callers are known at once. Of more, those that came first are forgotten: who has that many is not held up. */
  readonly mostCallers?: number;
}

const MOST_CALLERS = 10_000;
const MINUTE_MS = 60_000;

export function createRateLimit({
  of,
  perMinute,
  mostCallers = MOST_CALLERS,
}: RateLimitOptions): RateLimit {
  let minute = 0;
  /** Of this minute. */
  const tries = new Map<string, number>();

  return {
    take(caller, at) {
      if (perMinute === 0) return () => {};
      const now = Math.floor(at.getTime() / MINUTE_MS);
      // Requests of one moment come in any order: an older one must not begin the past minute again.
      if (now > minute) {
        minute = now;
        tries.clear();
      }
      const counted = minute;
      const count = tries.get(caller) ?? 0;
      if (count >= perMinute) {
        const seconds = Math.ceil(((minute + 1) * MINUTE_MS - at.getTime()) / 1000);
        throw throttled(`too many ${of} in this minute`, seconds);
      }
      const [first] = tries.keys();
      if (count === 0 && tries.size >= mostCallers && first !== undefined) tries.delete(first);
      tries.set(caller, count + 1);
      return () => {
        const since = tries.get(caller);
        if (counted === minute && since !== undefined) tries.set(caller, since - 1);
      };
    },
  };
}
