/** YAML files of resources: every document checked for its form, every problem with its file, line and column. */
import { type Document, isScalar, LineCounter, parseAllDocuments } from 'yaml';
import { type Resource, resource } from '../shared/protocol/resource.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import { Failure, Refusal } from './failure.ts';
import { fieldOffset } from './field-offset.ts';
import { display } from './kinds.ts';
import { printable } from './printable.ts';

/** The text is not a valid file of resources. */
export class DocumentFailure extends Failure {
  override readonly name = 'DocumentFailure';
}

export interface ResourceDocument {
  readonly resource: Resource;
  /** Where a field such as `spec.azure.allow[0].tenant` stands: `file:line:column`. */
  readonly locate: (field: string) => string;
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

function readDocument(document: Document.Parsed, at: (offset: number) => string): ResourceDocument {
  const [fault] = [...document.errors, ...document.warnings];
  if (fault) {
    const [reason = ''] = fault.message.split(/ at line \d|:?\n/);
    throw new DocumentFailure(`${at(fault.pos[0])}: ${printable(reason)}.`);
  }
  const locate = (field: string): string => at(fieldOffset(document.contents, field));
  const parsed = parseWith(resource, plainValue(document, locate));
  if (parsed.ok) return { resource: parsed.value, locate };
  const { field, message } = parsed.problem;
  throw new DocumentFailure(`${locate(field)}: ${field === '' ? '' : `${field}: `}${message}.`);
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

/** Adds to the broker's refusal of a document where in the file the refused field stands. */
export function located(error: unknown, { locate }: ResourceDocument): unknown {
  if (!(error instanceof Refusal)) return error;
  const { code, field } = error.problem;
  return field === undefined && code !== 'bad_request'
    ? error
    : new DocumentFailure(`${locate(field ?? '')}: ${error.message}`);
}
