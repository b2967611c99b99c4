/** `joinctl tokens add [<token>]`: a join token for machines of Azure or AWS, or with a secret for one machine anywhere. */
import type { Resource } from '../../shared/protocol/resource.ts';
import { type Arguments, flagValue } from '../arguments.ts';
import type { Created } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import type { Io } from '../io.ts';
import { hasSecret } from '../join-tokens.ts';
import { display } from '../kinds.ts';
import { field, texts } from '../resource-fields.ts';
import { type Format, formatOf, printResource } from '../resource-output.ts';
import { openSession, type Session } from '../session.ts';
import { newToken } from './new-token.ts';
import { printSecret, printSecretAs } from './secret-output.ts';

export const tokensAdd: Command = {
  words: ['tokens', 'add'],
  summary: 'create a join token, with one allow rule or with a secret',
  operands: ['[<token>]'],
  flags: {
    bot: 'the bot as which machines join',
    type: 'the system role that machines join as (bot)',
    method:
      'how they prove themselves (azure; without flags for azure or iam, hosts get a secret: token)',
    subscription: 'azure: the subscription that they must be in',
    'resource-group': 'azure: a resource group that they may be in; repeat it for more',
    tenant: 'azure: the Entra tenant that they must be of',
    'aws-account': 'iam: the AWS account that they must be of',
    'aws-arn': 'iam: the ARN that they must have; * and ? stand for what may differ',
    'host-name': 'a name that hosts get, such as "web-1.{{cluster}}"; repeat it for more',
    ttl: 'how long the join token is good for (for ever; with a secret 1h)',
    expires: 'until when it is good',
    format: 'text says that it was created; json and yaml print it',
  },
  examples: [
    'joinctl tokens add example-bot --bot=example --subscription=11111111-1111-1111-1111-111111111111 --resource-group=group1',
    'joinctl tokens add iam-token --bot=robot --method=iam --aws-account=111111111111 --aws-arn="arn:aws:sts::111111111111:assumed-role/robot/i-*"',
    'joinctl tokens add --bot=robot --method=token --ttl=30m',
    'joinctl tokens add --type=node --host-name="web-1.{{cluster}}"',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const token = newToken(io, args, flagValue(args, 'type') ?? 'bot');
    const session = await openSession(io, args);
    await tellCreated(io, session, format, await createToken(session, token));
    if (format === 'text') await sayMissingBot(io, args, session, token);
  },
};

/** The flags of a join token with a secret for one host, with what help says about them. */
export const HOST_SECRET_FLAGS = {
  'host-name': 'a name that the host gets, such as "web-1.{{cluster}}"; repeat it for more',
  ttl: 'how long the secret is good for (1h)',
  expires: 'until when it is good',
} as const satisfies Partial<Record<FlagName, string>>;

/** Creates the join token. */
export async function createToken({ client }: Session, token: Resource): Promise<Created> {
  // What to do about a bot that there is not is said below.
  const bots = texts(field(token.spec, 'bot_name')).map((name) => ({ kind: 'bot', name }) as const);
  const created = await client.create(token, bots);
  if (created) return created;
  const shown = display({ kind: 'token', name: token.metadata.name });
  throw new Failure(
    hasSecret(token)
      ? `${shown} exists already, and its secret can't be shown again: give another name, or none.`
      : `${shown} exists already: change it with joinctl edit.`,
  );
}

/** Says or prints what was made; before a secret and its use comes what else there is to do. */
export async function tellCreated(
  io: Io,
  session: Session,
  format: Format,
  { resource: token, secret }: Created,
  before = '',
): Promise<void> {
  if (format !== 'text') {
    return secret === undefined
      ? printResource(io, format, token)
      : printSecretAs(io, format, session, { token, secret });
  }
  sayCreated(io, token);
  io.stdout.write(before);
  if (secret !== undefined) await printSecret(io, session, { token, secret });
}

export const sayCreated = (io: Io, { kind, metadata }: Resource): void =>
  io.stdout.write(`${display({ kind, name: metadata.name })} has been created\n`);

async function sayMissingBot(
  io: Io,
  args: Arguments,
  { client }: Session,
  { metadata }: Resource,
): Promise<void> {
  const bot = flagValue(args, 'bot');
  if (bot === undefined || (await client.get('bot', bot))) return;
  io.stdout.write(
    `\nIts bot does not exist yet. Create it with:\n  joinctl bots add ${bot} --token=${metadata.name}\n`,
  );
}
