/** `--since` of a list. */
import { formatTimestamp, parseDuration, parseTimestamp } from '../../shared/protocol/values.ts';
import { type Arguments, flagValue } from '../arguments.ts';
import { UsageFailure } from '../failure.ts';
import { printable } from '../printable.ts';

const DAY = 24 * 3600;

export const sinceOf = (args: Arguments, otherwise: string, now: Date): string =>
  parseSince(flagValue(args, 'since') ?? otherwise, now);

/** A length of time before now, days too, or a point in time; as a point in time. */
export function parseSince(asked: string, now: Date): string {
  const days = /^(\d{1,3})d$/.exec(asked)?.[1];
  const seconds = days === undefined ? parseDuration(asked) : Number(days) * DAY;
  if (seconds !== undefined) return formatTimestamp(new Date(now.getTime() - seconds * 1000));
  if (parseTimestamp(asked)) return asked;
  throw new UsageFailure(
    `--since is a length of time such as 90m or 7d, or a time such as 2026-11-20T19:05:00Z, not "${printable(asked)}".`,
  );
}
