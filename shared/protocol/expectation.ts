/** What was expected of an input and what came instead, in the words of people who write YAML and JSON. */
import type * as z from 'zod/mini';

/** The sentence of a schema that has none of its own: the library's locale. */
export function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `expected ${JSON.stringify(issue.values[0])}`
        : `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `expected ${counted('at most', issue.origin, issue.maximum)}`;
    case 'too_small':
      return `expected ${counted('at least', issue.origin, issue.minimum)}`;
    case 'invalid_key':
      return 'expected another name';
    default:
      return 'expected something else';
  }
}

/** What stands there instead. Its text is shown only where it can't be a secret. */
export function finding(issue: z.core.$ZodIssue, value: unknown, shown: boolean): string {
  if (value === undefined) return '';
  if (typeof value === 'object')
    return ABOUT_KIND.includes(issue.code) ? `, got ${kindOf(value)}` : '';
  const text = shown ? ` ${printable(String(value))}` : '';
  if (issue.code !== 'invalid_type') return text === '' ? '' : `, got${text}`;
  const quote = issue.expected === 'string' ? ' (put it in quotes)' : '';
  return `, got ${shown ? 'the ' : ARTICLES[typeof value]}${KINDS[typeof value]}${text}${quote}`;
}

const ABOUT_KIND: readonly string[] = ['invalid_type', 'invalid_value', 'invalid_union'];

const kindOf = (value: object | null): string =>
  value === null ? 'nothing' : Array.isArray(value) ? 'a list' : 'fields';

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'fields',
  record: 'fields',
  array: 'a list',
  tuple: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  never: 'nothing',
  undefined: 'nothing',
};

const KINDS: Readonly<Partial<Record<string, string>>> = {
  string: 'text',
  number: 'number',
  boolean: 'boolean',
};
const ARTICLES: Readonly<Partial<Record<string, string>>> = {
  string: '',
  number: 'a ',
  boolean: 'a ',
};

function counted(limit: string, origin: string, count: number | bigint): string {
  if (origin === 'array') return `${limit} ${count} ${Number(count) === 1 ? 'entry' : 'entries'}`;
  if (origin !== 'string') return `${limit} ${count}`;
  return `${limit} ${count} ${Number(count) === 1 ? 'character' : 'characters'}`;
}

/** On one line: control characters never reach a terminal or a log (rule 15). */
const printable = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, 60);
