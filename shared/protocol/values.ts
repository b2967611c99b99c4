/** The small values that every body, file and setting is made of. */
import * as z from 'zod/mini';

/** A resource's name: bots, roles, join tokens, locks. */
export const name = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      'expected 1 to 63 letters, digits, dots, dashes or underscores',
    ),
  );

/** A GUID in lower case, whatever case it was written in. */
export const guid = z.pipe(
  z
    .string()
    .check(z.regex(/^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, 'expected a GUID')),
  z.transform((text) => text.toLowerCase()),
);

/** A SHA-256 in lower-case hex. */
export const sha256Hex = z
  .string()
  .check(z.regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits in lower case'));

/** A cluster's name: the SPIFFE trust domain, and the end of every host's name. */
export const clusterName = z
  .string()
  .check(
    z.regex(
      /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
      'expected 1 to 63 lower-case letters, digits, dots or dashes',
    ),
  );

/** A DNS name in lower case (RFC 1123). */
export const dnsName = z
  .string()
  .check(
    z.regex(
      /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/,
      'expected a DNS name in lower case',
    ),
  );

/** A point in time (RFC 3339, UTC). */
export const timestamp = z
  .string()
  .check(
    z.refine(
      (text) => parseTimestamp(text) !== undefined,
      'expected a time in UTC such as 2026-11-20T19:05:00Z',
    ),
  );

/** A length of time as Go writes it: `30m`, `1h`, `1h30m0s`. */
export const duration = z
  .string()
  .check(
    z.refine(
      (text) => parseDuration(text) !== undefined,
      'expected a duration such as 30m or 1h30m',
    ),
  );

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?Z$/;

/** The time that RFC 3339 text in UTC names; `undefined` if it is none, or none of the calendar. */
export function parseTimestamp(text: string): Date | undefined {
  if (!TIMESTAMP.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) || time.toISOString().slice(0, 19) !== text.slice(0, 19)
    ? undefined
    : time;
}

const WITH_OFFSET = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?[+-](\d\d):(\d\d)$/;

/** A time with an offset as one in UTC, whole seconds; `undefined` for all other text. */
export function inUtc(text: string): string | undefined {
  const [, local, hours, minutes] = WITH_OFFSET.exec(text) ?? [];
  const exists = parseTimestamp(`${local}Z`) !== undefined;
  if (!exists || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return formatTimestamp(new Date(text));
}

/** A time as the API writes it: RFC 3339 in UTC, whole seconds. */
export const formatTimestamp = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

const DURATION = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/;

/** A positive number of seconds from `1h30m`; `undefined` if the text is none. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const total = hours * 3600 + minutes * 60 + seconds;
  return total > 0 ? total : undefined;
}

/** Seconds as `1h30m`. */
export function formatDuration(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ];
  return (
    parts
      .filter(([count]) => count > 0)
      .map(([count, unit]) => `${count}${unit}`)
      .join('') || '0s'
  );
}
