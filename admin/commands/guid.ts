/** Flags whose value is a GUID. */
import { guid } from '../../shared/protocol/values.ts';
import { UsageFailure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import { printable } from '../printable.ts';

/** The GUID that a flag was given, in lower case. */
export function parseGuid(flag: FlagName, text: string): string {
  const parsed = guid.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageFailure(`--${flag} is a GUID, not "${printable(text)}".`);
}
