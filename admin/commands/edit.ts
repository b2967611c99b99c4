/** `joinctl edit <kind>/<name>` */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { operand } from '../arguments.ts';
import type { StoredResource } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { DocumentFailure, located, readDocuments } from '../documents.ts';
import { Failure } from '../failure.ts';
import { readText } from '../files.ts';
import type { Io } from '../io.ts';
import { display, parseReference, type ResourceReference } from '../kinds.ts';
import { toYaml } from '../resource-output.ts';
import { openSession, type Session } from '../session.ts';

export const edit: Command = {
  words: ['edit'],
  summary: 'change a resource in $VISUAL or $EDITOR',
  operands: ['<kind>/<name>'],
  flags: {},
  examples: ['joinctl edit roles/access', 'EDITOR="code --wait" joinctl edit bots/example'],
  async run(io, args) {
    const reference = parseReference(operand(args, 0));
    const session = await openSession(io, args);
    const stored = await session.client.get(reference.kind, reference.name);
    if (!stored) throw new Failure(`${display(reference)} does not exist.`);
    const folder = await mkdtemp(join(io.temporary, 'joinctl-'));
    const file = join(folder, `${reference.name}.yaml`);
    try {
      await editUntilValid(io, session, reference, stored, file);
    } catch (error) {
      if (error instanceof EditorFailure || !(error instanceof Failure)) {
        await rm(folder, { recursive: true });
        throw error;
      }
      throw new Failure(`${error.message}\nNothing was changed; your text is kept in ${file}`);
    }
    await rm(folder, { recursive: true });
  },
};

class EditorFailure extends Failure {}

/** Every text begins with a header of this many lines, so that the line numbers of problems are those of the file. */
const HEADER_LINES = 2;

async function editUntilValid(
  io: Io,
  { client }: Session,
  reference: ResourceReference,
  stored: StoredResource,
  file: string,
): Promise<void> {
  const original = toYaml(stored.resource);
  let body = original;
  let problem: DocumentFailure | undefined;
  for (;;) {
    await writeFile(file, header(reference, problem) + body, { mode: 0o600 });
    await openEditor(io, file);
    const edited = withoutHeader(await readText(file));
    if (edited === original) {
      return io.stdout.write(`${display(reference)} is unchanged\n`);
    }
    if (problem && edited === body) throw problem;
    body = edited;
    try {
      if (await replace(client, reference, stored.etag, body, file)) {
        return io.stdout.write(`${display(reference)} has been updated\n`);
      }
    } catch (error) {
      if (!(error instanceof DocumentFailure)) throw error;
      problem = error;
      continue;
    }
    throw new Failure(
      `${display(reference)} was changed by someone else meanwhile: edit it again.`,
    );
  }
}

async function replace(
  client: Session['client'],
  { kind, name }: ResourceReference,
  etag: string,
  body: string,
  file: string,
): Promise<boolean> {
  const [document, ...others] = readDocuments('#\n'.repeat(HEADER_LINES) + body, file);
  if (!document) return false;
  const { resource, locate } = document;
  if (others.length > 0 || resource.kind !== kind || resource.metadata.name !== name) {
    throw new DocumentFailure(
      `${locate('')}: expected the one resource ${display({ kind, name })}: its kind and name can't be changed.`,
    );
  }
  try {
    return await client.replace(resource, etag);
  } catch (error) {
    throw located(error, document);
  }
}

const header = (reference: ResourceReference, problem: DocumentFailure | undefined): string =>
  problem
    ? `#: ${problem.message}\n#: Save a mended text to try again, or leave it as it is to give up.\n`
    : `#: This is ${display(reference)}.\n#: Save and close to apply a change.\n`;

const withoutHeader = (text: string): string => text.replace(/^(?:#:.*\r?\n)+/, '');

async function openEditor(io: Io, file: string): Promise<void> {
  const command = io.env['VISUAL'] || io.env['EDITOR'] || 'vi';
  const code = await io.openEditor(command, file);
  if (code !== 0)
    throw new EditorFailure(`The editor ended with code ${code}: nothing was changed.`);
}
