/** `joinctl bots add <bot>`: creates the bot and says what to do on the machine. */
import type { Resource } from '../../shared/protocol/resource.ts';
import { parseTimestamp } from '../../shared/protocol/values.ts';
import { shortAddress } from '../address.ts';
import { flagList, flagValue, operand } from '../arguments.ts';
import type { BrokerClient } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { display, parseName } from '../kinds.ts';
import { field, texts } from '../resource-fields.ts';
import { formatOf, printResource, toYaml } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { loginsTrait } from './bots.ts';

export const botsAdd: Command = {
  words: ['bots', 'add'],
  summary: 'create a bot, and say how a machine joins as it',
  operands: ['<bot>'],
  flags: {
    roles: 'the roles it has',
    logins: 'the logins that {{internal.logins}} of a role stands for',
    token: 'the join token its machines will use; checked to fit',
    format: 'text says what to do next; json and yaml print the bot',
  },
  examples: [
    'joinctl bots add example --token=example-bot',
    'joinctl bots add robot --roles=access --logins=ubuntu --token=example-bot',
  ],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const format = formatOf(args, 'text');
    const tokenName = flagValue(args, 'token');
    const roles = flagList(args, 'roles') ?? [];
    const traits = loginsTrait(flagList(args, 'logins') ?? []);
    const { client, discovery, target } = await openSession(io, args);
    const token = tokenName === undefined ? undefined : await storedToken(client, tokenName);
    const misfit = token && misfitOf(token, name, io.now());
    if (misfit) throw new Failure(misfit);

    const bot: Resource = {
      kind: 'bot',
      version: 'v1',
      metadata: { name },
      spec: { roles, ...(traits.length > 0 && { traits }) },
    };
    const shown = display({ kind: 'bot', name });
    if (!(await client.create(bot))) {
      throw new Failure(`${shown} exists already: change it with joinctl bots update ${name}.`);
    }
    if (format !== 'text') return printResource(io, format, bot);
    io.stdout.write(`${shown} has been created\n\n`);
    if (roles.length === 0) io.stdout.write(`${withoutRoles(name)}\n\n`);
    if (!token) return io.stdout.write(`${withoutToken(name)}\n`);
    const { ca_pins } = await discovery();
    io.stdout.write(nextSteps(shortAddress(target.broker), token, ca_pins));
  },
};

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

const withoutRoles = (bot: string): string =>
  `It has no roles yet, so its certificates say who it is and open nothing. Give it some with:
  joinctl bots update ${bot} --add-roles=access`;

const withoutToken = (bot: string): string =>
  `Machines can join as it once there is a join token for it. For Azure VMs:
  joinctl tokens add ${bot}-bot --bot=${bot} --subscription=<subscription id> --resource-group=<group>`;

const CONFIG_FILE = '/etc/joinbot.yaml';

const nextSteps = (broker: string, token: Resource, pins: readonly string[]): string =>
  `On the machine, write ${CONFIG_FILE}:

${toYaml({
  version: 'v2',
  proxy_server: broker,
  onboarding: {
    join_method: field(token.spec, 'join_method'),
    token: token.metadata.name,
    ca_pins: pins,
  },
  storage: { type: 'memory' },
  outputs: [],
})}
A user-assigned identity of the machine is named under onboarding as azure: {client_id: <its id>}.
Then start the agent:

  joinbot start -c ${CONFIG_FILE}
`;
