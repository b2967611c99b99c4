/** YAML files of resources: every document checked for its form, every problem with its file, line and column. */
import { type Document, isScalar, LineCounter, parseAllDocuments } from 'yaml';
import { asWritten } from '../shared/protocol/as-written.ts';
import { type Resource, resource } from '../shared/protocol/resource.ts';
import { type InputProblem, parseWith, sentenceOf } from '../shared/protocol/schema.ts';
import { yamlFault } from '../shared/protocol/yaml-words.ts';
import { Failure, Refusal } from './failure.ts';
import { fieldOffset } from './field-offset.ts';
import type { Io } from './io.ts';
import { display } from './kinds.ts';
import { ended, printable } from './printable.ts';

/** The text is not a valid file of resources. */
export class DocumentFailure extends Failure {
  override readonly name = 'DocumentFailure';
}

export interface ResourceDocument {
  readonly resource: Resource;
  /** Where a field such as `spec.azure.allow[0].tenant` stands: `file:line:column`. */
  readonly locate: (field: string) => string;
  /** What the file says and is left out, each with its place. */
  readonly notices: readonly string[];
}

const LONGEST_FILE = 1024 * 1024;

/** Reads all documents of a file. `file` is only for messages. */
export function readDocuments(text: string, file: string): readonly ResourceDocument[] {
  const shown = printable(file);
  if (text.length > LONGEST_FILE) throw new DocumentFailure(`${shown}: the file is over 1 MiB.`);
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text.replace(/^\u{feff}/u, ''), { lineCounter: lines });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${shown}:${line}:${col}`;
  };
  const documents = (Array.isArray(parsed) ? parsed : []).flatMap((document) =>
    isBlank(document) ? [] : readDocument(document, at),
  );
  if (documents.length === 0) throw new DocumentFailure(`${shown}: there is no resource in it.`);
  refuseRepetitions(documents);
  return documents;
}

const isBlank = ({ contents, errors }: Document.Parsed): boolean =>
  errors.length === 0 && (contents === null || (isScalar(contents) && contents.value === null));

function readDocument(
  document: Document.Parsed,
  at: (offset: number) => string,
): readonly ResourceDocument[] {
  const [fault] = [...document.errors, ...document.warnings];
  if (fault) {
    const [reason = ''] = fault.message.split(/ at line \d|:?\n/);
    throw new DocumentFailure(
      `${at(fault.pos[0])}: ${yamlFault(fault.code) ?? printable(reason)}.`,
    );
  }
  const place = (field: string): string => at(fieldOffset(document.contents, field));
  const value = plainValue(document, place);
  // As other tools print them: a list of resources.
  return Array.isArray(value)
    ? value.map((item: unknown, i) =>
        readResource(item, (field) =>
          place(
            field.startsWith('[') ? `[${i}]${field}` : field === '' ? `[${i}]` : `[${i}].${field}`,
          ),
        ),
      )
    : [readResource(value, place)];
}

function readResource(value: unknown, locate: ResourceDocument['locate']): ResourceDocument {
  const say = (problem: InputProblem): string =>
    ended(`${locate(problem.field)}: ${sentenceOf(problem)}`);
  const written = asWritten(value);
  if (!written.ok) throw new DocumentFailure(say(written.problem));
  const parsed = parseWith(resource, written.value);
  if (!parsed.ok) throw new DocumentFailure(say(parsed.problem));
  return { resource: parsed.value, locate, notices: written.notices.map(say) };
}

function plainValue(document: Document.Parsed, locate: (field: string) => string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DocumentFailure(`${locate('')}: ${printable(reason)}.`);
  }
}

/** Throws where two documents are about the same resource. */
export function refuseRepetitions(documents: readonly ResourceDocument[]): void {
  const seen = new Map<string, string>();
  for (const { resource: found, locate } of documents) {
    const shown = display({ kind: found.kind, name: found.metadata.name });
    const first = seen.get(shown);
    if (first) throw new DocumentFailure(`${locate('')}: ${shown} stands at ${first} already.`);
    seen.set(shown, locate(''));
  }
}

/** Says on stderr what the documents have that is left out. */
export function sayNotices(io: Io, documents: readonly ResourceDocument[]): void {
  for (const notice of documents.flatMap(({ notices }) => notices))
    io.stderr.write(`joinctl: ${notice}\n`);
}

/** Adds to the broker's refusal of a document where in the file the refused field stands. */
export function located(error: unknown, { locate }: ResourceDocument): unknown {
  if (!(error instanceof Refusal)) return error;
  const { code, field } = error.problem;
  return field === undefined && code !== 'bad_request'
    ? error
    : new DocumentFailure(`${locate(field ?? '')}: ${error.message}`);
}
