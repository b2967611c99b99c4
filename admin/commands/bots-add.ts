/** `joinctl bots add <bot>`: creates the bot, and a join token with a secret unless there is one, and says what to do on the machine. */
import type { Resource } from '../../shared/protocol/resource.ts';
import { parseTimestamp } from '../../shared/protocol/values.ts';
import { shortAddress } from '../address.ts';
import { type Arguments, flagList, flagValue, operand } from '../arguments.ts';
import type { BrokerClient } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { hasSecret } from '../join-tokens.ts';
import { joinersAddress } from '../joiners-address.ts';
import { display, parseName } from '../kinds.ts';
import { field, texts } from '../resource-fields.ts';
import { type Format, formatOf, printResource } from '../resource-output.ts';
import { openSession, type Session } from '../session.ts';
import { agentConfigSteps } from './agent-config.ts';
import { createBotWithSecret } from './bot-with-secret.ts';
import { loginsTrait } from './bots.ts';
import { secretExpiryOf } from './expiry.ts';
import { madeName } from './made-name.ts';
import { printSecret, printSecretAs, secretSteps } from './secret-output.ts';
import { sayCreated } from './tokens-add.ts';

export const botsAdd: Command = {
  words: ['bots', 'add'],
  summary: 'create a bot, and say how a machine joins as it',
  operands: ['<bot>'],
  flags: {
    roles: 'the roles it has',
    logins: 'the logins that {{internal.logins}} of a role stands for',
    token:
      'the join token its machines will use, checked to fit; without it, one with a secret is made',
    ttl: 'how long the secret that is made is good for (1h)',
    expires: 'until when it is good',
    format: 'text says what to do next; json and yaml print what was made',
  },
  examples: [
    'joinctl bots add robot --roles=access',
    'joinctl bots add example --token=example-bot',
    'joinctl bots add robot --roles=access --logins=ubuntu --token=example-bot',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const bot = wantedBot(args);
    const tokenName = flagValue(args, 'token');
    const expires = secretExpiryOf(args, io.now());
    if (tokenName !== undefined && (flagValue(args, 'ttl') ?? flagValue(args, 'expires'))) {
      throw new UsageFailure(
        '--ttl and --expires are for the secret that is made without --token.',
      );
    }
    const session = await openSession(io, args);
    if (tokenName !== undefined) return addWithToken(io, session, bot, tokenName, format);
    const name = madeName(io, bot.metadata.name);
    const made = await createBotWithSecret(session.client, bot, name, expires);
    if (format !== 'text') return printSecretAs(io, format, session, made, { bot });
    sayCreated(io, bot);
    sayCreated(io, made.token);
    sayMissingRoles(io, bot);
    await printSecret(io, session, made);
  },
};

function wantedBot(args: Arguments): Resource {
  const traits = loginsTrait(flagList(args, 'logins') ?? []);
  return {
    kind: 'bot',
    version: 'v1',
    metadata: { name: parseName(operand(args, 0)) },
    spec: { roles: flagList(args, 'roles') ?? [], ...(traits.length > 0 && { traits }) },
  };
}

async function addWithToken(
  io: Io,
  { client, discovery, target }: Session,
  bot: Resource,
  tokenName: string,
  format: Format,
): Promise<void> {
  const { name } = bot.metadata;
  const token = await storedToken(client, tokenName);
  const misfit = misfitOf(token, name, io.now());
  if (misfit) throw new Failure(misfit);
  if (!(await client.create(bot))) {
    throw new Failure(
      `${display({ kind: 'bot', name })} exists already: change it with joinctl bots update ${name}.`,
    );
  }
  if (format !== 'text') return printResource(io, format, bot);
  sayCreated(io, bot);
  sayMissingRoles(io, bot);
  const described = await discovery();
  const broker = await joinersAddress({ target, discovery });
  const steps = hasSecret(token)
    ? secretSteps({ token, secret: "'<its secret>'" }, shortAddress(broker), described)
    : agentConfigSteps(token, broker, described);
  io.stdout.write(`\n${steps}`);
}

async function storedToken(client: BrokerClient, name: string): Promise<Resource> {
  const stored = await client.get('token', parseName(name));
  if (stored) return stored.resource;
  throw new Failure(
    `${display({ kind: 'token', name })} does not exist: create it first, or give another --token.`,
  );
}

/** Why machines could not join as this bot with this join token, `undefined` where they can. */
function misfitOf(token: Resource, bot: string, now: Date): string | undefined {
  const { metadata, spec } = token;
  const shown = display({ kind: 'token', name: metadata.name });
  const expires = parseTimestamp(metadata.expires ?? '');
  if (expires && expires.getTime() <= now.getTime()) {
    return `${shown} is over since ${metadata.expires}: give it a later expires, or another --token.`;
  }
  const roles = texts(field(spec, 'roles'));
  if (!roles.includes('Bot')) {
    return `${shown} is for ${roles.join(', ')}, not for bots: its roles must include Bot.`;
  }
  const [owner] = texts(field(spec, 'bot_name'));
  if (owner !== bot) {
    return `${shown} is for ${owner === undefined ? 'no bot' : display({ kind: 'bot', name: owner })}: its bot_name must be ${bot}.`;
  }
  return undefined;
}

function sayMissingRoles(io: Io, { metadata, spec }: Resource): void {
  if (texts(field(spec, 'roles')).length > 0) return;
  io.stdout.write(`
It has no roles yet, so its certificates say who it is and open nothing. Give it some with:
  joinctl bots update ${metadata.name} --add-roles=access
`);
}
