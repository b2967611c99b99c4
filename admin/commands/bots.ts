/** `joinctl bots ls|rm|update`; `bots add` is in a file of its own. */
import type { Resource } from '../../shared/protocol/resource.ts';
import { flagList, operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { display, parseName } from '../kinds.ts';
import { field, items, texts } from '../resource-fields.ts';
import { formatOf, printResources } from '../resource-output.ts';
import { loginTraits } from '../resource-tables.ts';
import { openSession } from '../session.ts';
import { remove } from './rm.ts';

export const botsLs: Command = {
  words: ['bots', 'ls'],
  summary: 'list the bots',
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl bots ls'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const { client } = await openSession(io, args);
    printResources(io, format, ['bot'], await client.list('bot'));
  },
};

export const botsRm: Command = {
  words: ['bots', 'rm'],
  summary: 'delete a bot',
  operands: ['<bot>'],
  flags: {},
  examples: ['joinctl bots rm example'],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const { client } = await openSession(io, args);
    await remove(io, client, { kind: 'bot', name });
  },
};

export const botsUpdate: Command = {
  words: ['bots', 'update'],
  summary: 'change the roles and logins of a bot',
  operands: ['<bot>'],
  flags: {
    roles: 'the roles it has from now on',
    'add-roles': 'roles that it gets beside those it has',
    logins: 'the logins it has from now on',
    'add-logins': 'logins that it gets beside those it has',
  },
  examples: [
    'joinctl bots update example --roles=access',
    'joinctl bots update example --add-logins=ubuntu',
  ],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const roles = changeOf(flagList(args, 'roles'), flagList(args, 'add-roles'), 'roles');
    const logins = changeOf(flagList(args, 'logins'), flagList(args, 'add-logins'), 'logins');
    if (!roles && !logins) {
      throw new UsageFailure('Say what to change: --roles, --add-roles, --logins or --add-logins.');
    }
    const { client } = await openSession(io, args);
    const shown = display({ kind: 'bot', name });
    for (let tries = 0; tries < 3; tries += 1) {
      const stored = await client.get('bot', name);
      if (!stored) throw new Failure(`${shown} does not exist.`);
      const changed = changedBot(stored.resource, roles, logins);
      if (await client.replace(changed, stored.etag)) {
        return io.stdout.write(`${shown} has been updated\n`);
      }
    }
    throw new Failure(`${shown} is being changed by others all the time: try again.`);
  },
};

/** What becomes of a list of names. */
type Change = (now: readonly string[]) => readonly string[];

function changeOf(
  whole: readonly string[] | undefined,
  more: readonly string[] | undefined,
  what: string,
): Change | undefined {
  if (whole && more) throw new UsageFailure(`Give either --${what} or --add-${what}.`);
  if (whole) return () => [...new Set(whole)];
  return more && ((now) => [...new Set([...now, ...more])]);
}

function changedBot(
  bot: Resource,
  roles: Change | undefined,
  logins: Change | undefined,
): Resource {
  const { spec } = bot;
  return {
    ...bot,
    spec: {
      ...spec,
      ...(roles && { roles: roles(texts(field(spec, 'roles'))) }),
      ...(logins && { traits: traitsWithLogins(spec, logins(loginTraits(spec))) }),
    },
  };
}

const traitsWithLogins = (spec: Resource['spec'], logins: readonly string[]): unknown[] => [
  ...items(field(spec, 'traits')).filter((trait) => field(trait, 'name') !== 'logins'),
  ...loginsTrait(logins),
];

/** The trait that holds a bot's logins; none where there are none. */
export const loginsTrait = (logins: readonly string[]): unknown[] =>
  logins.length > 0 ? [{ name: 'logins', values: logins }] : [];
