/** `joinctl lock` and `joinctl unlock` */
import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../shared/protocol/resource.ts';
import { type Arguments, flagValue, hasFlag } from '../arguments.ts';
import type { BrokerClient } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import type { Io } from '../io.ts';
import { display, parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { field } from '../resource-fields.ts';
import { type Format, formatOf, printResource } from '../resource-output.ts';
import { lockTarget } from '../resource-tables.ts';
import { openSession } from '../session.ts';
import { expiryOf } from './expiry.ts';
import { parseGuid } from './guid.ts';
import { remove } from './rm.ts';

const TARGET_FLAGS = {
  bot: 'the bot',
  instance: 'one instance, the life of one joined machine',
  'join-token': 'everything that joins with this join token',
  machine: 'the machine with this vmId, whatever it joins as',
  identity: 'every machine that acts as the managed identity with this object id',
  'aws-arn': 'whoever signs as this ARN at AWS',
} as const satisfies Partial<Record<FlagName, string>>;

type TargetFlag = keyof typeof TARGET_FLAGS;

/** One key and its value, as in a lock's `spec.target`. */
type Target = Readonly<Record<string, string>>;

export const lock: Command = {
  words: ['lock'],
  summary: 'refuse joins and renewals of a bot, instance, join token, machine or identity',
  operands: [],
  flags: {
    ...TARGET_FLAGS,
    ttl: 'how long (until it is unlocked)',
    expires: 'until when',
    message: 'why, for other operators',
    force: 'also what does not exist yet',
    format: 'text says that it was created; json and yaml print the lock',
  },
  examples: [
    'joinctl lock --bot=example --message="key leaked" --ttl=10h',
    'joinctl lock --machine=1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const target = targetOf(args);
    if (!target) throw new UsageFailure(`Say what to lock: ${flagsShown}.`);
    const wanted = lockOn(io, args, target);
    const { client } = await openSession(io, args);
    if (!hasFlag(args, 'force')) await refuseNothing(client, wanted);
    await createLock(io, format, client, wanted);
    if (format === 'text' && target['machine'] !== undefined)
      io.stdout.write(await notHeldByLock(client));
  },
};

/** A lock on a target, with the end and the message of the flags. */
export function lockOn(io: Io, args: Arguments, target: Target): Resource {
  const expires = expiryOf(args, io.now());
  const message = flagValue(args, 'message');
  return {
    kind: 'lock',
    version: 'v2',
    metadata: { name: io.randomId() },
    spec: {
      target,
      ...(message !== undefined && { message }),
      ...(expires !== undefined && { expires }),
    },
  };
}

/** Creates a lock and says so. */
export async function createLock(
  io: Io,
  format: Format,
  client: BrokerClient,
  wanted: Resource,
): Promise<void> {
  const { name } = wanted.metadata;
  if (!(await client.create(wanted))) {
    throw new Failure(`${display({ kind: 'lock', name })} exists already: try again.`);
  }
  if (format !== 'text') return printResource(io, format, wanted);
  const end = field(wanted.spec, 'expires') ?? 'it is unlocked';
  io.stdout.write(
    `${display({ kind: 'lock', name })} has been created\n\n${lockTarget(wanted.spec)} is locked until ${end}. Its certificates are on the revocation lists within a minute. To end it:\n  joinctl unlock ${name}\n`,
  );
}

/** A lock on what does not exist is a slip of the keyboard, unless it is said to be meant. */
async function refuseNothing(client: BrokerClient, wanted: Resource): Promise<void> {
  const [warning] = (await client.check(wanted))?.warnings ?? [];
  if (!warning) return;
  throw new Failure(
    `Nothing was locked: ${printable(warning.message)}. To lock it for what is to come, give --force.`,
  );
}

export const unlock: Command = {
  words: ['unlock'],
  summary: 'delete a lock, or every lock on a target',
  operands: ['[<lock>]'],
  flags: TARGET_FLAGS,
  examples: ['joinctl unlock 8e7a4f0c-5d0b-4b39-a8f3-3a4d1f0c9b7e', 'joinctl unlock --bot=example'],
  async run(io, args) {
    const [name] = args.operands;
    const target = targetOf(args);
    if ((name === undefined) === (target === undefined)) {
      throw new UsageFailure(`Say what to unlock: the name of a lock, or one of ${flagsShown}.`);
    }
    const checkedName = name === undefined ? undefined : parseName(name);
    const { client } = await openSession(io, args);
    if (checkedName !== undefined) return remove(io, client, { kind: 'lock', name: checkedName });
    if (target) await removeLocks(io, client, target);
  },
};

/** Every lock on exactly this target. */
export const locksOn = async (
  client: Pick<BrokerClient, 'list'>,
  target: Target,
): Promise<readonly Resource[]> =>
  (await client.list('lock')).filter(({ spec }) =>
    isDeepStrictEqual(field(spec, 'target'), target),
  );

export async function removeLocks(io: Io, client: BrokerClient, target: Target): Promise<void> {
  const locks = await locksOn(client, target);
  if (locks.length === 0) throw new Failure('There is no lock on it: joinctl get locks shows all.');
  for (const { metadata } of locks) {
    await remove(io, client, { kind: 'lock', name: metadata.name });
  }
}

/**
 * With `vm_binding: claims` nobody asks whether document and token are of one machine: a locked one that can use a
 * neighbour's document joins as that neighbour, with its own identity.
 */
async function notHeldByLock(client: Pick<BrokerClient, 'list'>): Promise<string> {
  const names = (await client.list('token'))
    .filter(({ spec }) => field(spec, 'azure', 'vm_binding') === 'claims')
    .map(({ metadata }) => metadata.name);
  if (names.length === 0) return '';
  return [
    '',
    `With vm_binding: claims (${names.map(printable).join(', ')}) a machine can go on with the document of a neighbour. Lock its identity, too:`,
    '  joinctl lock --identity=<object id>',
    'joinctl joins show says which one it has.',
    '',
  ].join('\n');
}

const TARGETS = Object.keys(TARGET_FLAGS) as TargetFlag[];

const flagsShown = TARGETS.map((flag) => `--${flag}`).join(', ');

/** The one target that the flags name; `undefined` where none is given. */
function targetOf(args: Arguments): Target | undefined {
  const given = TARGETS.filter((flag) => flagValue(args, flag) !== undefined);
  const [flag] = given;
  if (flag === undefined) return undefined;
  if (given.length > 1) throw new UsageFailure(`Give only one of ${flagsShown}.`);
  return { [flag.replace('-', '_')]: targetValue(flag, flagValue(args, flag) ?? '') };
}

const targetValue = (flag: TargetFlag, value: string): string =>
  flag === 'aws-arn'
    ? value
    : flag === 'bot' || flag === 'join-token'
      ? parseName(value)
      : parseGuid(flag, value);
