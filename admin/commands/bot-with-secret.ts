/** Makes a bot together with a join token that has a secret: both, or neither. */
import type { Resource } from '../../shared/protocol/resource.ts';
import type { BrokerClient } from '../broker-client.ts';
import { Failure, Refusal } from '../failure.ts';
import type { NewSecret } from '../join-tokens.ts';
import { display } from '../kinds.ts';

/**
 * The join token comes first. Without its bot it lets nobody in, it ends by itself, and nobody has seen its secret; a bot
 * without a way in would stand in the way of the next try.
 */
export async function createBotWithSecret(
  client: BrokerClient,
  bot: Resource,
  tokenName: string,
  expires: string,
): Promise<NewSecret> {
  const { name } = bot.metadata;
  if (await client.get('bot', name)) throw existsAlready(name);
  const created = await client.create(
    {
      kind: 'token',
      version: 'v2',
      metadata: { name: tokenName, expires },
      spec: { roles: ['Bot'], bot_name: name, join_method: 'token' },
    },
    [{ kind: 'bot', name }],
  );
  if (created?.secret === undefined) {
    throw new Failure(
      `${display({ kind: 'token', name: tokenName })} exists already: run the same command again. Nothing was created.`,
    );
  }
  try {
    if (!(await client.create(bot))) throw existsAlready(name);
  } catch (error) {
    throw await undone(client, tokenName, name, error);
  }
  return { token: created.resource, secret: created.secret };
}

const existsAlready = (name: string): Failure =>
  new Refused(
    `${display({ kind: 'bot', name })} exists already: change it with joinctl bots update ${name}, and give its machines a secret with joinctl tokens add --bot=${name} --method=token.`,
  );

/** The bot was certainly not created. */
class Refused extends Failure {}

const isRefused = (error: Failure): boolean =>
  error instanceof Refused || (error instanceof Refusal && error.problem.status < 500);

/** Takes the join token away again; the failure says what is left. */
async function undone(
  client: BrokerClient,
  tokenName: string,
  bot: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof Failure)) return error;
  const left: string[] = [];
  if (!isRefused(error)) {
    left.push(`Whether the bot was created is not known: see joinctl get bots/${bot}.`);
  }
  try {
    await client.remove('token', tokenName);
  } catch {
    left.push(
      `Its join token may be left over, until it ends; nobody has seen its secret: joinctl tokens rm ${tokenName}.`,
    );
  }
  return left.length === 0 ? error : new Failure([error.message, ...left].join(' '));
}
