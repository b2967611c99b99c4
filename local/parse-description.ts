/** Reads the YAML that describes a simulated cloud. */
import { parse, YAMLParseError } from 'yaml';
import type * as z from 'zod/mini';
import { parseWith, sentenceOf } from '../shared/protocol/schema.ts';

/** `what` is what it describes, for the errors that are thrown where it is no YAML or doesn't fit the schema. */
export function parseDescription<T>(schema: z.ZodMiniType<T>, yaml: string, what: string): T {
  let value: unknown;
  try {
    value = parse(yaml);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const line = error.linePos?.[0].line;
    throw new Error(`The description of ${what} is no YAML: look at line ${line ?? '1'}.`);
  }
  const parsed = parseWith(schema, value);
  if (parsed.ok) return parsed.value;
  throw new Error(`The description of ${what} is wrong: ${sentenceOf(parsed.problem)}.`);
}
