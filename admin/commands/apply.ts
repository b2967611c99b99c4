/** `joinctl apply [-f] <folder|file|->`: makes the broker's roles, bots and join tokens what YAML files say. */
import { hasFlag, operand } from '../arguments.ts';
import type { BrokerClient } from '../broker-client.ts';
import { checkFirst, type Wish } from '../check-first.ts';
import type { Command } from '../command.ts';
import { DocumentFailure, sayNotices } from '../documents.ts';
import { Difference, Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { display } from '../kinds.ts';
import { openSession } from '../session.ts';
import { carryOut } from './apply-change.ts';
import { showChanges } from './apply-diff.ts';
import { readResourceFiles } from './apply-files.ts';
import { type Change, planChanges, referenceOf } from './apply-plan.ts';

export const apply: Command = {
  words: ['apply'],
  summary: 'make roles, bots and join tokens what YAML files say; a backup has locks, too',
  operands: ['<folder|file|->'],
  flags: {
    force: 'said already: apply always overwrites what differs',
    diff: 'only show what would change; the exit code is 3 where something would',
    strict:
      'change nothing where a file names what is neither at the broker nor in the files, or the broker would refuse one',
    prune:
      'also delete roles, bots and join tokens that are not in the files (preset roles and join tokens with a secret stay)',
  },
  examples: [
    'joinctl apply -f deploy/resources/ --prune --diff',
    'joinctl apply -f deploy/resources/ --prune --strict',
  ],
  async run(io, args) {
    const documents = await readResourceFiles(io, operand(args, 0));
    sayNotices(io, documents);
    const { client } = await openSession(io, args);
    const changes = await planChanges(client, documents, hasFlag(args, 'prune'));
    if (hasFlag(args, 'strict')) await checkFirst(client, wishesOf(changes), true);
    if (hasFlag(args, 'diff')) reportDifferences(io, changes);
    else await makeChanges(io, client, changes);
  },
};

/** A removal is refused by the broker where it would do harm; before the others are made it would always do so. */
const wishesOf = (changes: readonly Change[]): readonly Wish[] =>
  changes.flatMap((change): Wish[] => {
    if (change.action === 'create') return [{ document: change.document, stored: undefined }];
    return change.action === 'update' ? [{ document: change.document, stored: change.stored }] : [];
  });

function reportDifferences(io: Io, changes: readonly Change[]): void {
  const real = changes.filter(({ action }) => action !== 'none' && action !== 'lost');
  if (real.length === 0) {
    io.stdout.write('Nothing would change.\n');
    return;
  }
  showChanges(io, real);
  throw new Difference(`${counted(real, WOULD)}.`);
}

/** One refusal does not stop the other changes, but then nothing is deleted. */
async function makeChanges(
  io: Io,
  client: BrokerClient,
  changes: readonly Change[],
): Promise<void> {
  const removals = changes.filter(({ action }) => action === 'delete');
  announce(io, removals);
  const done: Change[] = [];
  const refusals: string[] = [];
  for (const change of changes) {
    if (change.action === 'delete' && refusals.length > 0) break;
    try {
      const carriedOut = await carryOut(io, client, change);
      done.push(carriedOut);
      io.stdout.write(`${display(referenceOf(change))} ${SAID[carriedOut.action]}\n`);
    } catch (error) {
      if (!(error instanceof DocumentFailure)) throw error;
      refusals.push(error.message);
    }
  }
  if (refusals.length > 0) {
    const kept = removals.length > 0 ? ['So nothing was deleted.'] : [];
    throw new Failure([...refusals, ...kept].join('\njoinctl: '));
  }
  io.stdout.write(`${counted(done, DONE)}\n`);
}

/** Says what is going to be deleted before anything happens. */
function announce(io: Io, removals: readonly Change[]): void {
  if (removals.length === 0) return;
  const list = removals.map((change) => `  ${display(referenceOf(change))}\n`);
  io.stdout.write(`Not in the files, so about to be deleted:\n${list.join('')}`);
}

type Words = Readonly<Partial<Record<Change['action'], string>>>;

const SAID = {
  create: 'has been created',
  update: 'has been updated',
  delete: 'has been deleted',
  none: 'is unchanged',
  lost: 'is left out: its secret can not be made again, so make another one with joinctl tokens add',
} as const;
const DONE: Words = {
  create: 'created',
  update: 'updated',
  delete: 'deleted',
  none: 'unchanged',
  lost: 'left out',
};
const WOULD: Words = { create: 'to create', update: 'to update', delete: 'to delete' };

/** `1 created, 2 unchanged` */
const counted = (changes: readonly Change[], words: Words): string =>
  Object.entries(words)
    .map(([action, word]) => {
      const count = changes.filter((change) => change.action === action).length;
      return count > 0 ? `${count} ${word}` : '';
    })
    .filter((part) => part !== '')
    .join(', ');
