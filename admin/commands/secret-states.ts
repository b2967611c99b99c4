/** What became of the secrets of join tokens. One is used up by the instance whose id comes from the secret's hash. */
import { instanceIdOfSecret } from '../../shared/protocol/join-secret.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { parseTimestamp } from '../../shared/protocol/values.ts';
import type { BrokerClient } from '../broker-client.ts';
import { secretReference } from '../join-tokens.ts';
import { field, texts } from '../resource-fields.ts';

type SecretState = 'unused' | 'used' | 'expired';

/** How many join tokens are asked about at once. */
const AT_ONCE = 8;

/** The state of every secret, by its join token's name. */
export async function secretStates(
  client: BrokerClient,
  tokens: readonly Resource[],
  now: Date,
): Promise<ReadonlyMap<string, SecretState>> {
  const states = new Map<string, SecretState>();
  const waiting = [...tokens];
  const work = async (): Promise<void> => {
    for (let token = waiting.shift(); token; token = waiting.shift()) {
      const reference = secretReference(token);
      if (reference === undefined) continue;
      states.set(token.metadata.name, await stateOf(client, token, reference, now));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return states;
}

async function stateOf(
  client: BrokerClient,
  token: Resource,
  reference: string,
  now: Date,
): Promise<SecretState> {
  const id = instanceIdOfSecret(reference);
  for (const owner of ownersOf(token)) {
    if (await client.instance(owner, id)) return 'used';
  }
  const expires = parseTimestamp(token.metadata.expires ?? '');
  return expires && expires.getTime() <= now.getTime() ? 'expired' : 'unused';
}

/** Whose instance the secret may have made: the bot's, or a host's of each of its system roles. */
const ownersOf = ({ spec }: Resource): readonly string[] =>
  texts(field(spec, 'roles')).flatMap((role) =>
    role === 'Bot' ? texts(field(spec, 'bot_name')).map((bot) => `bot:${bot}`) : [`host:${role}`],
  );
