/** `joinctl auth restore <file>` */
import { resolve } from 'node:path';
import {
  type BackupFile,
  backupFile,
  type HeldNameRecord,
  MOST_NAMES_AT_ONCE,
  type RestoreBody,
  type Restored,
} from '../../shared/protocol/backup.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { parseJsonWith, sentenceOf } from '../../shared/protocol/schema.ts';
import { parseTimestamp } from '../../shared/protocol/values.ts';
import { type Arguments, flagValue, hasFlag, operand } from '../arguments.ts';
import { type BrokerClient, withoutRevision } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { confirm } from '../confirm.ts';
import type { ResourceDocument } from '../documents.ts';
import { Failure } from '../failure.ts';
import { readText } from '../files.ts';
import type { Io } from '../io.ts';
import { display } from '../kinds.ts';
import { printable } from '../printable.ts';
import { certificateIn } from '../resource-fields.ts';
import { openSession } from '../session.ts';
import { carryOut } from './apply-change.ts';
import { type Change, PRESET_ROLES, planChanges, referenceOf } from './apply-plan.ts';

export const authRestore: Command = {
  words: ['auth', 'restore'],
  summary: 'bring the authorities, resources and names of hosts back from a backup',
  operands: ['<file>'],
  flags: {
    replace: 'remove rows of keys that are not of the same authority, or not genuine',
    'give-up': 'the CA pin of a root that was made after the backup, and is given up',
    yes: "don't ask",
  },
  examples: ['joinctl auth restore backup.json'],
  async run(io, args) {
    const shown = operand(args, 0);
    const backup = readBackup(await readText(resolve(io.cwd, shown)), shown);
    const { client, discovery } = await openSession(io, args);
    const { cluster_name: cluster } = await discovery();
    if (backup.cluster !== cluster)
      throw new Failure(
        `${printable(shown)} is a backup of ${printable(backup.cluster)}, and this broker is ${printable(cluster)}: nothing was done.`,
      );
    const body = bodyOf(backup, args);
    const plan = await client.restoreAuthorities({ ...body, dry_run: true });
    const changes = await changesOf(client, backup, shown, io.now());
    await confirm(io, args, consequencesOf(backup, plan, changes, io.now()));

    // With keys and a join token machines join: by then names are whose they were, and what was locked is locked.
    await restoreNames(io, client, backup.names);
    const isLock = (change: Change): boolean =>
      ['lock', 'azure_denied_signer'].includes(referenceOf(change).kind);
    await restoreResources(io, client, changes.due.filter(isLock));
    const { written, removed } = await client.restoreAuthorities(body);
    for (const row of removed) io.stdout.write(`row ${printable(row)} has been removed\n`);
    for (const row of written) io.stdout.write(`row ${printable(row)} has been restored\n`);
    await restoreResources(
      io,
      client,
      changes.due.filter((change) => !isLock(change)),
    );
  },
};

/** Whoever has a name by now keeps it; where that is another machine than before, a warning names both. */
async function restoreNames(
  io: Io,
  client: BrokerClient,
  names: readonly HeldNameRecord[],
): Promise<void> {
  let count = 0;
  for (let from = 0; from < names.length; from += MOST_NAMES_AT_ONCE) {
    const items = names.slice(from, from + MOST_NAMES_AT_ONCE);
    count += (await client.restoreNames(items)).restored;
  }
  io.stdout.write(`${count} names of hosts have been restored\n`);
  if (count === names.length) return;
  const holders = new Map((await client.names()).map(({ name, machine }) => [name, machine]));
  for (const { name, machine } of names) {
    const holder = holders.get(name);
    if (holder === undefined || holder === machine) continue;
    io.stderr.write(
      `warning: ${printable(name)} was left to ${printable(holder)}, and was of ${printable(machine)} in the backup: joinctl nodes rm frees it\n`,
    );
  }
}

async function restoreResources(
  io: Io,
  client: BrokerClient,
  changes: readonly Change[],
): Promise<void> {
  for (const change of changes) {
    await carryOut(io, client, change);
    io.stdout.write(`${display(referenceOf(change))} has been restored\n`);
  }
}

function readBackup(text: string, shown: string): BackupFile {
  const parsed = parseJsonWith(backupFile, text);
  if (parsed.ok) return parsed.value;
  throw new Failure(`${printable(shown)} is no backup: ${sentenceOf(parsed.problem)}.`);
}

function bodyOf({ keys }: BackupFile, args: Arguments): RestoreBody {
  const giveUp = flagValue(args, 'give-up');
  return {
    rows: keys,
    ...(hasFlag(args, 'replace') && { replace: true }),
    ...(giveUp !== undefined && { give_up: giveUp }),
  };
}

interface Changes {
  readonly due: readonly Change[];
  /** Join tokens with a secret. */
  readonly lost: readonly Change[];
  /** Resources that are there and say something else. */
  readonly kept: readonly Change[];
}

/**
 * What is not there is made. What is there stays: it is newer. But roles that every broker starts with are what the backup
 * says where nothing else is there, since the table was lost and they were made anew.
 */
async function changesOf(
  client: BrokerClient,
  { resources }: BackupFile,
  shown: string,
  now: Date,
): Promise<Changes> {
  const isOver = ({ spec }: Resource): boolean => {
    const ends = parseTimestamp(certificateIn(spec)?.ends ?? '');
    return ends !== undefined && ends <= now;
  };
  const changes = await planChanges(
    client,
    // The broker takes no root that is over, and it would vouch for nothing.
    resources
      .filter((resource) => !isOver(resource))
      .map((resource) => documentOf(resource, shown)),
    false,
  );
  const updates = changes.filter(({ action }) => action === 'update');
  const kept = updates.length > 0 && (await isFresh(client)) ? [] : updates;
  return {
    due: changes.filter((change) => isWritten(change) && !kept.includes(change)),
    lost: changes.filter(({ action }) => action === 'lost'),
    kept,
  };
}

const isWritten = ({ action }: Change): boolean => action === 'create' || action === 'update';

/** Whether nothing is there but what every broker starts with. */
async function isFresh(client: BrokerClient): Promise<boolean> {
  const roles = await client.list('role');
  return (
    roles.every(({ metadata }) => PRESET_ROLES.includes(metadata.name)) &&
    (await client.list('bot')).length + (await client.list('token')).length === 0
  );
}

/** Which version it was means nothing any more. */
const documentOf = (resource: Resource, shown: string): ResourceDocument => ({
  resource: withoutRevision(resource),
  locate: (field) => `${printable(shown)}: ${resource.kind} ${resource.metadata.name}: ${field}`,
  notices: [],
});

function consequencesOf(
  { made, cluster, names }: BackupFile,
  { ca_pins, written, removed, kept }: Restored,
  changes: Changes,
  now: Date,
): string {
  const hours = Math.max(0, Math.round((now.getTime() - Date.parse(made)) / 3_600_000));
  const list = (some: readonly Change[]): string =>
    some.map((change) => display(referenceOf(change))).join(', ');
  return [
    `A backup of ${printable(cluster)}, made at ${made}, ${hours} hours ago.`,
    ...ca_pins.map((pin) => `CA pin ${pin}`),
    '',
    `Keys: ${written.length} rows are written, ${removed.length} removed, ${kept.length} are there already.`,
    ...(removed.length > 0 ? [`Removed: ${removed.map(printable).join(', ')}`] : []),
    `Resources: ${changes.due.length} are restored. Names of hosts: up to ${names.length}.`,
    ...(changes.due.length > 0
      ? [`Restored, also where somebody has removed it on purpose since: ${list(changes.due)}`]
      : []),
    ...(changes.kept.length > 0
      ? [`Left as they are, since they differ and may be newer: ${list(changes.kept)}`]
      : []),
    ...(changes.lost.length > 0
      ? [`Left out, since their secrets may have been used: ${list(changes.lost)}`]
      : []),
    '',
    ...(written.length > 0 || changes.due.length > 0 ? LOST : ['Nothing was lost, as it seems.']),
    '',
  ].join('\n');
}

const LOST = [
  'What happened since the backup is lost where its table was lost:',
  '- Keys that were replaced after a leak are back: replace them again (joinctl auth rotate --now).',
  '- Locks and other changes of resources: make them again, locks first.',
  '- Instances. Machines of azure and iam join afresh by themselves. Machines with a secret need a new one',
  '  (joinctl tokens add), and so does whoever has one that was not used yet.',
];
