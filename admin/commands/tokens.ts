/** `joinctl tokens add|ls|rm` */
import { systemRole } from '../../shared/protocol/join.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { type Arguments, flagValue, flagValues, operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { display, parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { formatOf, printResource, printResources } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { didYouMean } from '../suggestion.ts';
import { expiryOf } from './expiry.ts';
import { parseGuid } from './guid.ts';
import { remove } from './rm.ts';

export const tokensAdd: Command = {
  words: ['tokens', 'add'],
  summary: 'create a join token for Azure VMs, with one allow rule',
  operands: ['<token>'],
  flags: {
    bot: 'the bot as which machines join',
    type: 'the system role that machines join as (bot)',
    subscription: 'the Azure subscription that they must be in',
    'resource-group': 'a resource group that they may be in; repeat it for more',
    tenant: 'the Entra tenant that they must be of',
    ttl: 'how long the join token is good for (for ever)',
    expires: 'until when it is good',
    format: 'text says that it was created; json and yaml print it',
  },
  examples: [
    'joinctl tokens add example-bot --bot=example --subscription=11111111-1111-1111-1111-111111111111 --resource-group=group1',
    'joinctl tokens add nodes --type=node --subscription=11111111-1111-1111-1111-111111111111',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const expires = expiryOf(args, io.now());
    const token: Resource = {
      kind: 'token',
      version: 'v2',
      metadata: { name: parseName(operand(args, 0)), ...(expires !== undefined && { expires }) },
      spec: { ...joiner(args), join_method: 'azure', azure: { allow: [allowRule(args)] } },
    };
    const { client } = await openSession(io, args);
    const shown = display({ kind: 'token', name: token.metadata.name });
    if (!(await client.create(token))) {
      throw new Failure(`${shown} exists already: change it with joinctl edit.`);
    }
    if (format !== 'text') return printResource(io, format, token);
    io.stdout.write(`${shown} has been created\n`);
    const bot = flagValue(args, 'bot');
    if (bot !== undefined && !(await client.get('bot', bot))) {
      io.stdout.write(
        `\nIts bot does not exist yet. Create it with:\n  joinctl bots add ${bot} --token=${token.metadata.name}\n`,
      );
    }
  },
};

export const tokensLs: Command = {
  words: ['tokens', 'ls'],
  summary: 'list the join tokens',
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl tokens ls'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const { client } = await openSession(io, args);
    printResources(io, format, ['token'], await client.list('token'));
  },
};

export const tokensRm: Command = {
  words: ['tokens', 'rm'],
  summary: 'delete a join token',
  operands: ['<token>'],
  flags: {},
  examples: ['joinctl tokens rm example-bot'],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const { client } = await openSession(io, args);
    await remove(io, client, { kind: 'token', name });
  },
};

/** Who joins: a bot, or a service by its system role. */
function joiner(args: Arguments): { roles: string[]; bot_name?: string } {
  const bot = flagValue(args, 'bot');
  const type = flagValue(args, 'type') ?? 'bot';
  const roles = systemRole.options;
  const role = roles.find((known) => known.toLowerCase() === type.toLowerCase());
  if (!role) {
    const hint = didYouMean(
      type,
      roles.map((known) => known.toLowerCase()),
    );
    throw new UsageFailure(
      `"${printable(type)}" is no system role${hint}: there are ${roles.join(', ')}.`,
    );
  }
  if ((role === 'Bot') !== (bot !== undefined)) {
    throw new UsageFailure(
      role === 'Bot' ? 'Say as which bot: --bot=<name>.' : `--bot does not go with --type=${type}.`,
    );
  }
  return { roles: [role], ...(bot !== undefined && { bot_name: parseName(bot) }) };
}

function allowRule(args: Arguments): Record<string, unknown> {
  const tenant = flagValue(args, 'tenant');
  const subscription = flagValue(args, 'subscription');
  const groups = flagValues(args, 'resource-group');
  if (tenant === undefined && subscription === undefined) {
    throw new UsageFailure(
      'Say which machines: --subscription=<id> or --tenant=<id>, since nothing is allowed by default.',
    );
  }
  if (groups.length > 0 && subscription === undefined) {
    throw new UsageFailure('--resource-group goes with --subscription only.');
  }
  return {
    ...(tenant !== undefined && { tenant: parseGuid('tenant', tenant) }),
    ...(subscription !== undefined && { subscription: parseGuid('subscription', subscription) }),
    ...(groups.length > 0 && { resource_groups: groups }),
  };
}
