/** What an operator sent in a path or query. */
import type * as z from 'zod/mini';
import { parseWith } from '../protocol/schema.ts';
import { parseTimestamp } from '../protocol/values.ts';
import { badInput } from '../refusal.ts';

/** Throws `bad_request` with the field's name where the text is none of the schema's. */
export function parseField<T>(schema: z.ZodMiniType<T>, field: string, text: string): T {
  const parsed = parseWith(schema, text);
  if (!parsed.ok) throw badInput({ field, message: parsed.problem.message });
  return parsed.value;
}

/** Throws `bad_request` with the name of the part that is none of the schema's. */
export function parseQuery<T>(
  schema: z.ZodMiniType<T>,
  asked: Readonly<Record<string, string>>,
): T {
  const parsed = parseWith(schema, asked);
  if (!parsed.ok) throw badInput(parsed.problem);
  return parsed.value;
}

/** The time that a query asks about: until now, and from so long before its end, unless it says otherwise. */
export function periodOf(
  query: { readonly since?: string | undefined; readonly until?: string | undefined },
  now: Date,
  defaultSeconds: number,
): { readonly since: Date; readonly until: Date } {
  const until = parseTimestamp(query.until ?? '') ?? now;
  const since =
    parseTimestamp(query.since ?? '') ?? new Date(until.getTime() - defaultSeconds * 1000);
  return { since, until };
}
