/** How a body, file or setting is checked: a schema of `zod/mini`, and one sentence for what is wrong with the input. */
import * as z from 'zod/mini';
import { expectation, finding } from './expectation.ts';
import { fieldPath } from './field-path.ts';
import { type JsonLimits, parseStrictJson } from './json.ts';
import { findUnknownField } from './unknown-field.ts';

z.config({ localeError: expectation });

/** What is wrong with an input: the field's path (`spec.azure.allow[0].tenant`, empty for the whole) and what was expected. */
export interface InputProblem {
  readonly field: string;
  readonly message: string;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: InputProblem };

type Path = readonly PropertyKey[];

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly path: Path; readonly message: string };

/**
 * Checks a value against a schema. The problem is one: an unknown field before all else, since a misspelt one explains
 * the one that is missing. The input's own text comes back only from fields that `shows` says can't hold a secret.
 */
export function check<T>(
  schema: z.ZodMiniType<T>,
  value: unknown,
  shows: (path: Path) => boolean = () => false,
): Checked<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return { ok: true, value: result.data };
  const unknown = findUnknownField(schema, value);
  if (unknown) return { ok: false, ...unknown };
  const [issue] = result.error.issues;
  if (!issue) return { ok: false, path: [], message: 'not valid' };
  const { path } = issue;
  const found = at(value, path);
  const isMissing = found === undefined && typeof at(value, path.slice(0, -1)) === 'object';
  const missing = isMissing && path.length > 0 ? 'missing; ' : '';
  const message = `${missing}${issue.message}${finding(issue, found, shows(path))}`;
  return { ok: false, path, message };
}

/** Checks a value against a schema. The problem never repeats the input's own text, but for the names of fields. */
export function parseWith<T>(schema: z.ZodMiniType<T>, value: unknown): Parsed<T> {
  const checked = check(schema, value);
  if (checked.ok) return checked;
  return { ok: false, problem: { field: fieldPath(checked.path), message: checked.message } };
}

/** Checks JSON text against a schema. */
export function parseJsonWith<T>(
  schema: z.ZodMiniType<T>,
  text: string,
  limits?: JsonLimits,
): Parsed<T> {
  const json = parseStrictJson(text, limits);
  if ('expected' in json)
    return { ok: false, problem: { field: '', message: `expected ${json.expected}` } };
  return parseWith(schema, json.value);
}

/** `field: message`, or the message alone where it is about the whole input. */
export const sentenceOf = (problem: InputProblem): string =>
  problem.field === '' ? problem.message : `${problem.field}: ${problem.message}`;

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, part) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, part)
        ? (inner as Readonly<Record<PropertyKey, unknown>>)[part]
        : undefined,
    value,
  );
