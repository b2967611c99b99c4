/** Reads YAML that people write. What is wrong with it is said with file, line, column, field and what was expected. */
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type * as z from 'zod/mini';
import { fieldPath } from '../shared/protocol/field-path.ts';
import { check } from '../shared/protocol/schema.ts';
import { yamlFault } from '../shared/protocol/yaml-words.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

export interface YamlFile {
  /** Whether it has this field at its top. */
  has(field: string): boolean;
  /** The file's content, before anything is known of it. */
  readonly content: unknown;
  /** The file's content, or what was made of it. Throws a `Failure` that names the first thing that doesn't fit. */
  read<T>(schema: z.ZodMiniType<T>, content?: unknown): T;
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
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
  });
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

  const content = plainValue(document, failure);
  return {
    content,
    has: (field) => isMap(document.contents) && document.contents.has(field),
    read(schema, changed = content) {
      const checked = check(schema, changed, shows);
      if (checked.ok) return checked.value;
      throw failure(checked.path, checked.message);
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

/** A token may be a secret that belongs to another join method: it isn't shown (rule 14). */
const SECRETS: readonly unknown[] = ['token', 'token_name', 'auth_token'];

const shows = (path: readonly PropertyKey[]): boolean => !SECRETS.includes(path.at(-1));

const sayYamlError = (code: string, message: string): string =>
  yamlFault(code) ?? printable(message);

/** Where the field stands; if it is missing, where what should hold it stands. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const [position, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      if (!pair) break;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else {
      node = document.getIn(path.slice(0, position + 1), true);
      offset = rangeStart(node) ?? offset;
    }
  }
  return offset;
}

const rangeStart = (node: unknown): number | undefined => (node as Node | null)?.range?.[0];
