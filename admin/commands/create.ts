/** `joinctl create [-f] <file|->` */
import { resolve } from 'node:path';
import { hasFlag } from '../arguments.ts';
import type { BrokerClient, Created } from '../broker-client.ts';
import { type Answered, checkFirst, referenceOf, type Wish } from '../check-first.ts';
import type { Command } from '../command.ts';
import { located, type ResourceDocument, readDocuments, sayNotices } from '../documents.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { readText } from '../files.ts';
import type { Io } from '../io.ts';
import { display, type ResourceReference } from '../kinds.ts';
import { openSession } from '../session.ts';
import { showDifference } from './apply-diff.ts';
import { printSecret } from './secret-output.ts';

export const create: Command = {
  words: ['create'],
  summary:
    'create the resources of a YAML file, all or none; prints the secret of a join token that has one',
  operands: ['[<file|->]'],
  flags: {
    force: 'overwrite resources that exist already',
    'dry-run': 'only show what would change',
    strict: 'refuse references to what does not exist, instead of a warning',
  },
  examples: [
    'joinctl create bot.yaml',
    'joinctl create -f bot-token.yaml',
    'joinctl create -f bot-token.yaml --dry-run',
    'joinctl get roles/access | sed s/root/ubuntu/ | joinctl create -f -',
  ],
  async run(io, args) {
    const force = hasFlag(args, 'force');
    const [file] = args.operands;
    if (file === undefined && io.stdinIsTerminal)
      throw new UsageFailure('Say which file: joinctl create <file>, or - for standard input.');
    const documents =
      file === undefined || file === '-'
        ? readDocuments(await io.readStdin(), 'stdin')
        : readDocuments(await readText(resolve(io.cwd, file)), file);
    sayNotices(io, documents);
    const session = await openSession(io, args);
    const wishes = await wishesOf(session.client, documents, force);
    const answers = await checkFirst(session.client, wishes, hasFlag(args, 'strict'));
    if (hasFlag(args, 'dry-run')) return showAnswers(io, answers);
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

/** Shows what would be stored beside what is. */
function showAnswers(io: Io, answers: readonly Answered[]): void {
  for (const { document, stored, checked } of answers) {
    if (checked) showDifference(io, document, stored?.resource, checked.resource);
  }
  io.stdout.write('Nothing was changed.\n');
}

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
    wishes.push({ document, stored });
  }
  return wishes;
}

async function store(
  client: BrokerClient,
  { document, stored }: Wish,
  force: boolean,
  coming: readonly ResourceReference[],
): Promise<Created | 'updated'> {
  const { resource } = document;
  try {
    const created = stored === undefined ? await client.create(resource, coming) : undefined;
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
