/** `joinctl create [-f] <file|->` */
import { resolve } from 'node:path';
import { hasFlag, operand } from '../arguments.ts';
import type { BrokerClient, Created } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { located, type ResourceDocument, readDocuments, sayNotices } from '../documents.ts';
import { Failure } from '../failure.ts';
import { readText } from '../files.ts';
import { display } from '../kinds.ts';
import { openSession } from '../session.ts';
import { printSecret } from './secret-output.ts';

export const create: Command = {
  words: ['create'],
  summary: 'create the resources of a YAML file; prints the secret of a join token that has one',
  operands: ['<file|->'],
  flags: { force: 'overwrite resources that exist already' },
  examples: [
    'joinctl create bot.yaml',
    'joinctl create -f bot-token.yaml',
    'joinctl get roles/access | sed s/root/ubuntu/ | joinctl create -f -',
  ],
  async run(io, args) {
    const file = operand(args, 0);
    const text = file === '-' ? await io.readStdin() : await readText(resolve(io.cwd, file));
    const documents = readDocuments(text, file === '-' ? 'stdin' : file);
    sayNotices(io, documents);
    const session = await openSession(io, args);
    for (const document of documents) {
      const { kind, metadata } = document.resource;
      const done = await store(session.client, document, hasFlag(args, 'force'));
      const said = done === 'updated' ? done : 'created';
      io.stdout.write(`${display({ kind, name: metadata.name })} has been ${said}\n`);
      if (done === 'updated' || done.secret === undefined) continue;
      await printSecret(io, session, { token: done.resource, secret: done.secret });
      io.stdout.write('\n');
    }
  },
};

async function store(
  client: BrokerClient,
  document: ResourceDocument,
  force: boolean,
): Promise<Created | 'updated'> {
  const { resource } = document;
  const shown = display({ kind: resource.kind, name: resource.metadata.name });
  try {
    const created = await client.create(resource);
    if (created) return created;
    if (!force) throw new Failure(`${shown} exists already: give -f to overwrite it.`);
    if (await client.replace(resource, '*')) return 'updated';
  } catch (error) {
    throw located(error, document);
  }
  throw new Failure(`${shown} was deleted at this very moment: try again.`);
}
