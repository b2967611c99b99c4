/** Prints resources as YAML that can be created again, as JSON, or as tables. */
import { Document, visit } from 'yaml';
import type { Resource, ResourceKind } from '../shared/protocol/resource.ts';
import { type Arguments, flagValue } from './arguments.ts';
import { UsageFailure } from './failure.ts';
import type { Io } from './io.ts';
import { escapeUnsafe, isUnsafe, printable } from './printable.ts';
import { resourceTable } from './resource-tables.ts';
import { didYouMean } from './suggestion.ts';

export type Format = 'text' | 'json' | 'yaml';

const FORMATS: readonly Format[] = ['text', 'json', 'yaml'];

/** The value of `--format`. */
export function formatOf(args: Arguments, otherwise: Format): Format {
  const asked = flagValue(args, 'format');
  if (asked === undefined) return otherwise;
  const format = FORMATS.find((known) => known === asked);
  if (format) return format;
  const hint = didYouMean(asked, FORMATS);
  throw new UsageFailure(`--format is text, json or yaml, not "${printable(asked)}"${hint}.`);
}

/** Prints one resource; as JSON it is an object. */
export function printResource(io: Io, format: Format, resource: Resource): void {
  if (format === 'json') io.stdout.write(toJson(resource));
  else printResources(io, format, [resource.kind], [resource]);
}

/** Prints any number of resources; as JSON they are an array, as text a table for each of the kinds. */
export function printResources(
  io: Io,
  format: Format,
  kinds: readonly ResourceKind[],
  resources: readonly Resource[],
): void {
  printMany(io, format, resources, () =>
    kinds
      .map((kind) => {
        const rows = resources.filter((resource) => resource.kind === kind);
        return resourceTable(kind, rows, { now: io.now(), width: io.stdout.columns });
      })
      .join('\n'),
  );
}

/** Prints one thing that is no resource. */
export function printOne<T>(io: Io, format: Format, value: T, asText: (value: T) => string): void {
  io.stdout.write({ json: toJson, yaml: toYaml, text: asText }[format](value));
}

/** Prints a list: as YAML a document for each. */
export function printMany<T>(
  io: Io,
  format: Format,
  values: readonly T[],
  asText: (values: readonly T[]) => string,
): void {
  const yaml = (all: readonly T[]): string => all.map(toYaml).join('---\n');
  io.stdout.write({ json: toJson, yaml, text: asText }[format](values));
}

/** JSON in which every unsafe character is escaped, so that it can go to a terminal and still be exact. */
export const toJson = (value: unknown): string =>
  escapeUnsafe(`${JSON.stringify(value, null, 2)}\n`, (codePoint) =>
    [...String.fromCodePoint(codePoint).split('')]
      .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      .join(''),
  );

/** One YAML document, likewise; what YAML 1.1 would take for a date or a truth value is quoted. */
export function toYaml(value: unknown): string {
  const document = new Document(value, { compat: 'yaml-1.1' });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && isUnsafe(node.value)) {
        node.type = 'QUOTE_DOUBLE';
      }
    },
  });
  const text = document.toString({ lineWidth: 0 });
  return escapeUnsafe(text, (codePoint) => `\\U${hex(codePoint, 8)}`);
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
