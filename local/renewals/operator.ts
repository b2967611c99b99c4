/** What the proof needs of the operators' API, and of the tables where no API reaches: that time has passed. */

import { openAzureTables } from '../../shared/storage/azure-tables.ts';
import { createInstances, type Instance } from '../../shared/storage/instances.ts';
import type { Stack } from '../stack.ts';

export interface ProofOperator {
  createBot(name: string): Promise<void>;
  /** A join token for the bot; gives its secret. */
  createSecret(name: string, bot: string): Promise<string>;
  /** Names of the locks that there are. */
  locks(): Promise<string[]>;
  instances(bot: string): Promise<Instance[]>;
  /** Makes it look as if what the broker remembers of this instance's renewals was so long ago. */
  letTimePass(bot: string, id: string, seconds: number): Promise<void>;
}

export function proofOperator({ endpoints, described, settings }: Stack): ProofOperator {
  const admin = described.operators.get('admin');
  if (!admin) throw new Error('there is no operator admin in examples/local-azure.yaml');
  const instances = createInstances(
    openAzureTables({
      url: endpoints.tables,
      credential: { key: String(settings['JOIN_BROKER_TABLES_KEY']) },
    }).instances,
  );

  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${endpoints.broker}/v1/resources/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${admin?.accessToken()}`,
        ...(body && { 'content-type': 'application/json', 'if-none-match': '*' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }

  return {
    async createBot(name) {
      const spec = { roles: ['access'], traits: [{ name: 'logins', values: ['root'] }] };
      await call('PUT', `bot/${name}`, { kind: 'bot', version: 'v1', metadata: { name }, spec });
    },
    async createSecret(name, bot) {
      const metadata = { name, expires: new Date(Date.now() + 3_600_000).toISOString() };
      const spec = { roles: ['Bot'], bot_name: bot, join_method: 'token' };
      const token = { kind: 'token', version: 'v2', metadata, spec };
      const { secret } = (await call('PUT', `token/${name}`, token)) as { secret: string };
      return secret;
    },
    async locks() {
      const { items } = (await call('GET', 'lock')) as { items: { metadata: { name: string } }[] };
      return items.map(({ metadata }) => metadata.name);
    },
    async instances(bot) {
      const rows = await instances.list(`bot:${bot}`, undefined, 1000);
      return rows.map(({ instance }) => instance);
    },
    async letTimePass(bot, id, seconds) {
      const stored = await instances.read(`bot:${bot}`, id);
      if (!stored || 'removed' in stored) throw new Error(`there is no instance ${id}`);
      const replaced = stored.instance.replaced.map((one) => ({ ...one, at: one.at - seconds }));
      if (!(await instances.replace({ ...stored.instance, replaced }, stored.etag)))
        throw new Error('the instance changed meanwhile');
    },
  };
}
