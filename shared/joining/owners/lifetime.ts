/** How long a certificate may live: the soonest end of everything that limits it (rule 12). */
import { parseDuration, parseTimestamp } from '../../protocol/values.ts';

/** Limits that hold whoever the owner is. */
export interface Lifetime {
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
  /** The join token's limit on lifetimes, as text. */
  readonly tokenTtl: string | undefined;
  /** When the join token ends, where it limits more than the first join. */
  readonly tokenEnds: string | undefined;
  /** When the first of the keys that sign ends. */
  readonly authoritiesEnd: Date;
  readonly at: Date;
}

/**
 * The end of a certificate. `ttl` is what was asked for; `seconds` and `ends` are the owner's own limits: lengths, and
 * points in time as text. Whole seconds.
 */
export function decideExpiry(
  ttl: string | undefined,
  lifetime: Lifetime,
  seconds: readonly number[] = [],
  ends: readonly (string | undefined)[] = [],
): Date {
  const longest = Math.min(
    parseDuration(ttl ?? '') ?? lifetime.defaultSeconds,
    lifetime.maxSeconds,
    parseDuration(lifetime.tokenTtl ?? '') ?? Number.POSITIVE_INFINITY,
    ...seconds,
  );
  const times = [lifetime.tokenEnds, ...ends]
    .map((text) => parseTimestamp(text ?? ''))
    .filter((time) => time !== undefined);
  const soonest = Math.min(
    lifetime.at.getTime() + longest * 1000,
    lifetime.authoritiesEnd.getTime(),
    ...times.map((time) => time.getTime()),
  );
  return new Date(Math.floor(soonest / 1000) * 1000);
}
