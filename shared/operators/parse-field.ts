/** A part of a path or query that an operator sent. */
import type * as z from 'zod/mini';
import { parseWith } from '../protocol/schema.ts';
import { badInput } from '../refusal.ts';

/** Throws `bad_request` with the field's name where the text is none of the schema's. */
export function parseField<T>(schema: z.ZodMiniType<T>, field: string, text: string): T {
  const parsed = parseWith(schema, text);
  if (!parsed.ok) throw badInput({ field, message: parsed.problem.message });
  return parsed.value;
}
