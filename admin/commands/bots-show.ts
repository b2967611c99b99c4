/** `joinctl bots show <bot>`: who could join as the bot, with what, and what stands in the way. */
import type { InstanceRecord } from '../../shared/protocol/instance.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { parseTimestamp } from '../../shared/protocol/values.ts';
import { operand } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { display, parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { field, texts } from '../resource-fields.ts';
import { formatOf, printOne } from '../resource-output.ts';
import { lockTarget, loginTraits } from '../resource-tables.ts';
import { rulesInWords } from '../rules-in-words.ts';
import { openSession } from '../session.ts';

interface ShownBot {
  readonly bot: string;
  readonly expires?: string;
  readonly roles: readonly { readonly role: string; readonly state: RoleState }[];
  readonly logins: readonly string[];
  readonly join_tokens: readonly {
    readonly token: string;
    readonly join_method: string;
    readonly expires?: string;
    readonly is_over: boolean;
    readonly who: readonly string[];
  }[];
  readonly locks: readonly {
    readonly lock: string;
    readonly on: string;
    readonly message?: string;
  }[];
  readonly live_instances: number;
}

type RoleState = 'there' | 'missing' | 'over';

export const botsShow: Command = {
  words: ['bots', 'show'],
  summary: 'show who could join as a bot: its join tokens, roles, locks, and what lives',
  operands: ['<bot>'],
  flags: { format: 'how to show it (text)' },
  examples: ['joinctl bots show example'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const name = parseName(operand(args, 0));
    const { client } = await openSession(io, args);
    const stored = await client.get('bot', name);
    if (!stored) throw new Failure(`${display({ kind: 'bot', name })} does not exist.`);
    const tokens = (await client.list('token')).filter(
      ({ spec }) => field(spec, 'bot_name') === name,
    );
    const roles = await client.list('role');
    const locks = await client.list('lock');
    const instances = await client.instances(`bot:${name}`);
    const shown = shownBot(stored.resource, { tokens, roles, locks, instances }, io.now());
    printOne(io, format, shown, asText);
  },
};

interface Around {
  /** Those of the bot. */
  readonly tokens: readonly Resource[];
  readonly roles: readonly Resource[];
  readonly locks: readonly Resource[];
  readonly instances: readonly InstanceRecord[];
}

function shownBot(bot: Resource, { tokens, roles, locks, instances }: Around, now: Date): ShownBot {
  const { name, expires } = bot.metadata;
  const live = instances.filter((one) => !isOver(one.expires, now));
  return {
    bot: name,
    ...(expires !== undefined && { expires }),
    roles: texts(field(bot.spec, 'roles')).map((role) => {
      const found = roles.find(({ metadata }) => metadata.name === role);
      const state = found ? (isOver(found.metadata.expires, now) ? 'over' : 'there') : 'missing';
      return { role, state };
    }),
    logins: loginTraits(bot.spec),
    join_tokens: tokens.map((token) => ({
      token: token.metadata.name,
      join_method: texts(field(token.spec, 'join_method')).join(''),
      ...(token.metadata.expires !== undefined && { expires: token.metadata.expires }),
      is_over: isOver(token.metadata.expires, now),
      who: rulesInWords(token),
    })),
    locks: locks
      .filter((lock) => meets(lock, name, tokens, live) && !isLockOver(lock, now))
      .map(({ metadata, spec }) => {
        const [message] = texts(field(spec, 'message'));
        return {
          lock: metadata.name,
          on: lockTarget(spec),
          ...(message !== undefined && { message }),
        };
      }),
    live_instances: live.length,
  };
}

/** Whether a lock keeps somebody from joining as the bot: all, those of a join token, or a machine that has. */
function meets(
  { spec }: Resource,
  bot: string,
  tokens: readonly Resource[],
  instances: readonly InstanceRecord[],
): boolean {
  const target = (name: string): unknown => field(spec, 'target', name);
  const isOne = ({ id, machine }: InstanceRecord): boolean =>
    target('instance') === id ||
    (machine['vmId'] !== undefined && target('machine') === machine['vmId']) ||
    (machine['oid'] !== undefined && target('identity') === machine['oid']) ||
    (machine['arn'] !== undefined && target('aws_arn') === machine['arn']);
  return (
    target('bot') === bot ||
    tokens.some(({ metadata }) => target('join_token') === metadata.name) ||
    instances.some(isOne)
  );
}

const isLockOver = ({ metadata, spec }: Resource, now: Date): boolean =>
  [metadata.expires, field(spec, 'expires')].some((time) => isOver(time, now));

const isOver = (time: unknown, now: Date): boolean =>
  typeof time === 'string' && (parseTimestamp(time) ?? now) <= now;

function asText(shown: ShownBot): string {
  const { bot, expires, roles, logins, join_tokens: tokens, locks, live_instances: live } = shown;
  const lines = [
    `Bot             ${bot}${expires === undefined ? '' : `, until ${expires}`}`,
    `Roles           ${roles.map(({ role, state }) => (state === 'there' ? role : `${role} (${state})`)).join(', ') || 'none'}`,
    `Logins          ${logins.join(', ') || 'none of its own'}`,
    `Live instances  ${live}`,
    '',
    ...(tokens.length === 0 ? ['No join token is for it: nobody can join.'] : []),
    ...tokens.flatMap((token) => [
      `Join token ${token.token}, join method ${token.join_method}${untilOf(token)}:`,
      ...token.who.map((who) => `  ${who}`),
    ]),
    ...(locks.length > 0 ? ['', 'Locked:'] : []),
    ...locks.map(
      ({ lock, on, message }) =>
        `  ${on}, by lock ${lock}${message === undefined ? '' : `: ${message}`}`,
    ),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

const untilOf = ({ expires, is_over }: ShownBot['join_tokens'][number]): string =>
  expires === undefined ? '' : is_over ? `, over since ${expires}` : `, until ${expires}`;
