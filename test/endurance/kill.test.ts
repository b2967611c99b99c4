/**
 * The agent is killed while it writes, wherever it is: whoever reads finds one whole set whose parts belong together, and the
 * next start goes on and leaves nothing behind. A few times here, 200 times by `npm run prove:kill`.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createAgentHome, type RunningAgent } from './running-agent.ts';

const KILLS = Number(process.env['KILLS'] ?? 6);
/** From the first file of a version on, a write is over well before this. */
const LONGEST_MS = 12;

const OUTPUTS = [
  '{type: identity, formats: [openssh], destination: {type: directory, path: "{folder}/identity"}}',
  '{type: tls, formats: [pem, der, combined], destination: {type: directory, path: "{folder}/tls"}}',
  '{type: database, format: cockroach, destination: {type: directory, path: "{folder}/db"}}',
];

/** Per directory: a private key, its certificate, and what else has to be there. */
const SETS = {
  bot: ['key', 'tlscert', 'tlscacerts', 'known_hosts', 'state.json'],
  identity: ['key', 'tlscert', 'id_ecdsa', 'id_ecdsa-cert.pub', 'ssh_config'],
  tls: ['tls.key', 'tls.crt', 'tls.pem', 'tls.crt.der', 'tls.cas'],
  db: ['cockroach/client.example.key', 'cockroach/node.crt', 'cockroach/ca.crt', 'tlscert'],
} as const;

const DIRECTORIES = Object.keys(SETS) as (keyof typeof SETS)[];

test.skipIf(process.platform !== 'linux')(
  `${KILLS} kills during a write`,
  { timeout: 0 },
  async () => {
    const { folder, start } = await createAgentHome(OUTPUTS);
    const found = { 'the old set': 0, 'the new set': 0, 'a version that was not in force': 0 };
    let reads = 0;

    let agent = start();
    await agent.says('wrote', DIRECTORIES.length);
    for (let kills = 0; kills < KILLS; kills += 1) {
      const directory = DIRECTORIES[kills % DIRECTORIES.length] ?? 'bot';
      const path = join(folder, directory);
      const before = readlinkSync(join(path, '..data'));
      await killWhileWriting(agent, path, Math.random() * LONGEST_MS, () => {
        expectWhole(path, SETS[directory]);
        reads += 1;
      });

      for (const name of DIRECTORIES) expectWhole(join(folder, name), SETS[name]);
      const after = readlinkSync(join(path, '..data'));
      found[after === before ? 'the old set' : 'the new set'] += 1;
      const versions = readdirSync(path).filter((name) => /^\.\.\d/.test(name));
      if (versions.length > 1) found['a version that was not in force'] += 1;

      agent = start();
      await agent.says('wrote', DIRECTORIES.length);
      for (const name of DIRECTORIES) {
        const all = readdirSync(join(folder, name));
        expect(all.filter((one) => one.startsWith('..') && one !== '..data')).toHaveLength(1);
      }
    }
    await agent.kill('SIGTERM');
    if (process.env['KILLS'] !== undefined)
      process.stdout.write(`${KILLS} kills, ${reads} reads meanwhile, ${JSON.stringify(found)}\n`);
    expect(found['the old set'] + found['the new set']).toBe(KILLS);
  },
);

/** Has it renew, and kills it so long after the directory's next version appeared. Reads all the while. */
async function killWhileWriting(
  agent: RunningAgent,
  path: string,
  afterMs: number,
  read: () => void,
): Promise<void> {
  const { promise: begins, resolve } = Promise.withResolvers<void>();
  const watcher = watch(path, (_, name) => {
    if (name?.startsWith('..2')) resolve();
  });
  agent.child.kill('SIGHUP');
  await begins;
  watcher.close();
  const until = performance.now() + afterMs;
  while (performance.now() < until) {
    read();
    await delay(0);
  }
  await agent.kill('SIGKILL');
}

/** Through the link, as a reader that wants files of one version does; one that was just removed is no answer. */
function expectWhole(path: string, names: readonly string[]): void {
  for (;;) {
    const version = readlinkSync(join(path, '..data'));
    try {
      const [key = '', certificate = ''] = names.map((name) =>
        readFileSync(join(path, version, name), 'latin1'),
      );
      const leaf = new X509Certificate(Buffer.from(certificate, 'latin1'));
      expect(leaf.checkPrivateKey(createPrivateKey(key))).toBe(true);
      // All names that are to be seen lead somewhere.
      for (const name of names) expect(existsSync(join(path, name))).toBe(true);
      return;
    } catch (error) {
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isGone || readlinkSync(join(path, '..data')) === version) throw error;
    }
  }
}
