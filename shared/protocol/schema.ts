/** How a body, file or setting is checked: a schema of `zod/mini`, and one sentence for what is wrong with the input. */
import * as z from 'zod/mini';
// Not as z.locales.en: a bundler would keep all fifty languages.
import en from 'zod/v4/locales/en.js';
import { parseStrictJson } from './json.ts';

z.config(en());

/** What is wrong with an input: the field's path (`spec.azure.allow[0].tenant`, empty for the whole) and what was expected. */
export interface InputProblem {
  readonly field: string;
  readonly message: string;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: InputProblem };

/** Checks a value against a schema. The problem is the first one found, and never repeats the input's own text. */
export function parseWith<T>(schema: z.ZodMiniType<T>, value: unknown): Parsed<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return { ok: true, value: result.data };
  const [issue] = result.error.issues;
  return { ok: false, problem: issue ? describe(issue) : { field: '', message: 'not valid' } };
}

/** Checks JSON text against a schema. */
export function parseJsonWith<T>(schema: z.ZodMiniType<T>, text: string): Parsed<T> {
  const json = parseStrictJson(text);
  if ('expected' in json)
    return { ok: false, problem: { field: '', message: `expected ${json.expected}` } };
  return parseWith(schema, json.value);
}

/** `field: message`, or the message alone where it is about the whole input. */
export const sentenceOf = (problem: InputProblem): string =>
  problem.field === '' ? problem.message : `${problem.field}: ${problem.message}`;

/** What the library says before it says what was expected. */
const PREAMBLE = /^(?:Invalid (?:input|option)|Too (?:big|small)): /;

function describe(issue: z.core.$ZodIssue): InputProblem {
  const field = fieldPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    return { field: fieldPath([...issue.path, printable(key)]), message: 'unknown field' };
  }
  return { field, message: issue.message.replace(PREAMBLE, '') };
}

/** A path as people write it: dots between names, brackets around positions. */
export const fieldPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');

const printable = (text: string): string => text.replace(/[^\x21-\x7e]/g, '?').slice(0, 64);
