/** Reads YAML that people write. What is wrong with it is said with file, line, column, field and what was expected. */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import * as z from 'zod/mini';
import { fieldPath } from '../shared/protocol/schema.ts';
import { Failure } from './failure.ts';
import { nearestName } from './nearest-name.ts';
import { printable } from './printable.ts';

export interface YamlFile {
  /** Whether it has this field at its top. */
  has(field: string): boolean;
  /** The file's content. Throws a `Failure` that names the first thing that doesn't fit. */
  read<T>(schema: z.ZodMiniType<T>): T;
  /** The failure to throw for a problem at a place of the file. */
  readonly failure: FailureAt;
}

export type FailureAt = (path: readonly PropertyKey[], message: string) => Failure;

const LONGEST = 256 * 1024;

/** `fileName` is for messages only. Throws a `Failure`. */
export function parseYaml(text: string, fileName: string): YamlFile {
  if (text.length > LONGEST)
    throw new Failure('config', `${fileName}: larger than ${LONGEST} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const failureAt = (offset: number, message: string): Failure => {
    const { line, col } = lines.linePos(offset);
    return new Failure('config', `${fileName}:${line}:${col}: ${message}`);
  };

  const [error] = document.errors;
  if (error)
    throw failureAt(error.pos[0], `not valid YAML: ${sayYamlError(error.code, error.message)}`);
  const failure: FailureAt = (path, message) =>
    failureAt(
      offsetOf(document, path),
      path.length === 0 ? message : `${fieldPath(path)}: ${message}`,
    );

  return {
    has: (field) => isMap(document.contents) && document.contents.has(field),
    read(schema) {
      const parsed = z.safeParse(schema, plainValue(document, failure));
      if (parsed.success) return parsed.data;
      const { issues } = parsed.error;
      // A misspelt field explains the missing one.
      const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
      throw issue
        ? failureOf(issue, document, schema, failure)
        : failure([], 'expected something else');
    },
    failure,
  };
}

function plainValue(document: Document, failure: FailureAt): unknown {
  try {
    return document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    // An alias without its anchor, or aliases that multiply.
    if (error instanceof ReferenceError)
      throw failure([], `not valid YAML: ${printable(error.message)}`);
    throw error;
  }
}

function failureOf(
  issue: z.core.$ZodIssue,
  document: Document,
  schema: z.core.$ZodType,
  failure: FailureAt,
): Failure {
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const meant = nearestName(key, fieldsAt(schema, issue.path));
    const message = meant ? `unknown field; did you mean ${meant}?` : 'unknown field';
    return failure([...issue.path, key], message);
  }
  const node = document.getIn(issue.path);
  const value = isNode(node) ? node.toJSON() : node;
  return failure(issue.path, `${expectation(issue, value)}${finding(issue, value)}`);
}

function expectation(issue: z.core.$ZodIssue, value: unknown): string {
  const expected =
    issue.code === 'invalid_type'
      ? `expected ${IN_WORDS[issue.expected] ?? issue.expected}`
      : issue.message.replace(/^Invalid (?:input|option): /, '');
  return value === undefined ? `missing; ${expected}` : expected;
}

const SECRETS: readonly unknown[] = ['token', 'token_name', 'auth_token'];

/** What stands there instead. A token may be a secret that belongs to another join method: it isn't shown (rule 14). */
function finding(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return '';
  if (value === null) return ', got nothing';
  if (typeof value === 'object') return Array.isArray(value) ? ', got a list' : ', got fields';
  const shown = SECRETS.includes(issue.path.at(-1)) ? '' : ` ${printable(String(value), 60)}`;
  if (issue.code !== 'invalid_type') return shown === '' ? '' : `, got${shown}`;
  const quote = issue.expected === 'string' ? ' (put it in quotes)' : '';
  const kind = typeof value === 'string' ? 'text' : typeof value;
  return `, got the ${kind}${shown}${quote}`;
}

const IN_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'fields',
  array: 'a list',
  boolean: 'true or false',
};

const YAML_ERRORS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this field is given twice',
  MULTIPLE_DOCS: 'expected one document, and a second one begins here',
  TAB_AS_INDENT: 'tabs can not indent; use spaces',
};

const sayYamlError = (code: string, message: string): string =>
  YAML_ERRORS[code] ?? printable(message);

/** Where the field stands; if it is missing, where what should hold it stands. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      if (!pair) break;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else {
      node = document.getIn([...path.slice(0, path.indexOf(part) + 1)], true);
      offset = rangeStart(node) ?? offset;
    }
  }
  return offset;
}

const rangeStart = (node: unknown): number | undefined => (node as Node | null)?.range?.[0];

/** The names of the fields that may stand at a path of the schema. */
function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const { def } = schema._zod as unknown as {
    def: {
      shape?: Record<string, z.core.$ZodType>;
      innerType?: z.core.$ZodType;
      element?: z.core.$ZodType;
      options?: z.core.$ZodType[];
    };
  };
  if (def.innerType) return fieldsAt(def.innerType, path);
  if (def.options) return def.options.flatMap((option) => fieldsAt(option, path));
  if (def.element) return fieldsAt(def.element, path.slice(1));
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(def.shape ?? {});
  const field = def.shape?.[String(first)];
  return field ? fieldsAt(field, rest) : [];
}
