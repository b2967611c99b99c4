/** `joinctl create [-f] <file|->` */
import { resolve } from 'node:path';
import { hasFlag, operand } from '../arguments.ts';
import type { BrokerClient, Created } from '../broker-client.ts';
import { checkFirst, referenceOf, type Wish } from '../check-first.ts';
import type { Command } from '../command.ts';
import { located, type ResourceDocument, readDocuments, sayNotices } from '../documents.ts';
import { Failure } from '../failure.ts';
import { readText } from '../files.ts';
import { display, type ResourceReference } from '../kinds.ts';
import { openSession } from '../session.ts';
import { printSecret } from './secret-output.ts';

export const create: Command = {
  words: ['create'],
  summary:
    'create the resources of a YAML file, all or none; prints the secret of a join token that has one',
  operands: ['<file|->'],
  flags: {
    force: 'overwrite resources that exist already',
    strict: 'refuse references to what does not exist, instead of a warning',
  },
  examples: [
    'joinctl create bot.yaml',
    'joinctl create -f bot-token.yaml',
    'joinctl get roles/access | sed s/root/ubuntu/ | joinctl create -f -',
  ],
  async run(io, args) {
    const force = hasFlag(args, 'force');
    const file = operand(args, 0);
    const text = file === '-' ? await io.readStdin() : await readText(resolve(io.cwd, file));
    const documents = readDocuments(text, file === '-' ? 'stdin' : file);
    sayNotices(io, documents);
    const session = await openSession(io, args);
    const wishes = await wishesOf(session.client, documents, force);
    await checkFirst(session.client, wishes, hasFlag(args, 'strict'));
    const coming = documents.map(referenceOf);
    for (const wish of wishes) {
      const done = await store(session.client, wish, force, coming);
      const said = done === 'updated' ? done : 'created';
      io.stdout.write(`${display(referenceOf(wish.document))} has been ${said}\n`);
      if (done === 'updated' || done.secret === undefined) continue;
      await printSecret(io, session, { token: done.resource, secret: done.secret });
      io.stdout.write('\n');
    }
  },
};

/** What is to be created, and what replaced. Throws where something is there that is not to be overwritten. */
async function wishesOf(
  client: BrokerClient,
  documents: readonly ResourceDocument[],
  force: boolean,
): Promise<readonly Wish[]> {
  const wishes: Wish[] = [];
  for (const document of documents) {
    const reference = referenceOf(document);
    const stored = await client.get(reference.kind, reference.name);
    if (stored && !force) throw existsAlready(reference);
    wishes.push({ document, etag: stored?.etag });
  }
  return wishes;
}

async function store(
  client: BrokerClient,
  { document, etag }: Wish,
  force: boolean,
  coming: readonly ResourceReference[],
): Promise<Created | 'updated'> {
  const { resource } = document;
  try {
    const created = etag === undefined ? await client.create(resource, coming) : undefined;
    if (created) return created;
    if (!force) throw existsAlready(referenceOf(document));
    if (await client.replace(resource, '*')) return 'updated';
  } catch (error) {
    throw located(error, document);
  }
  throw new Failure(
    `${display(referenceOf(document))} was deleted at this very moment: try again.`,
  );
}

const existsAlready = (reference: ResourceReference): Failure =>
  new Failure(`${display(reference)} exists already: give -f to overwrite it.`);
