/** `--ttl` and `--expires`, two ways to say when something ends. */
import { formatTimestamp, parseDuration, parseTimestamp } from '../../shared/protocol/values.ts';
import { type Arguments, flagValue } from '../arguments.ts';
import { UsageFailure } from '../failure.ts';
import { printable } from '../printable.ts';

/** How long the secret of a join token is good for, unless a flag says. As long as that of `tctl`. */
const SECRET_LIFE_MS = 3_600_000;

/** When a join token with a secret ends: every one has an end. */
export const secretExpiryOf = (args: Arguments, now: Date): string =>
  expiryOf(args, now) ?? formatTimestamp(new Date(now.getTime() + SECRET_LIFE_MS));

/** The time that the flags name; `undefined` where neither is given. */
export function expiryOf(args: Arguments, now: Date): string | undefined {
  const ttl = flagValue(args, 'ttl');
  const expires = flagValue(args, 'expires');
  if (ttl !== undefined && expires !== undefined) {
    throw new UsageFailure('Give either --ttl or --expires.');
  }
  if (ttl !== undefined) {
    const seconds = parseDuration(ttl);
    if (seconds) return formatTimestamp(new Date(now.getTime() + seconds * 1000));
    throw new UsageFailure(`--ttl is a duration such as 30m or 10h, not "${printable(ttl)}".`);
  }
  if (expires === undefined) return undefined;
  const time = parseTimestamp(expires);
  if (!time) {
    throw new UsageFailure(
      `--expires is a time in UTC such as 2026-11-20T19:05:00Z, not "${printable(expires)}".`,
    );
  }
  if (time.getTime() <= now.getTime()) {
    throw new UsageFailure(`--expires=${expires} is over already.`);
  }
  return formatTimestamp(time);
}
