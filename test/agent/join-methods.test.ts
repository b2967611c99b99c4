/** One agent works with a storage directory; where that can't be made sure of, a warning has to do, but not for a secret. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Broker } from '../../agent/broker.ts';
import { parseCommandLine } from '../../agent/command-line.ts';
import type { Effects } from '../../agent/effects.ts';
import { joinerOf } from '../../agent/join-methods.ts';
import { startSettings } from '../../agent/start-settings.ts';
import { temporaryFolder } from './folder.ts';

const SECRET = 'c'.repeat(32);
const METHODS = ['azure', 'iam', 'token'] as const;

/** Makes the joiner of this method, with this storage directory. */
function joinerIn(
  method: (typeof METHODS)[number],
  storage: string,
  env: Readonly<Record<string, string>> = {},
) {
  const flags = [
    `--join-method=${method}`,
    `--token=${method === 'token' ? SECRET : 'a-token'}`,
    `--data-dir=${storage}`,
  ];
  const command = parseCommandLine(['start', '--proxy-server=broker.example.com', ...flags]);
  if (command.name !== 'start') throw new Error('not the start command');
  const around = { env: {}, readText: () => undefined };
  const settings = startSettings(command.flags, undefined, around);
  const warnings: string[] = [];
  const log = { warn: (message: string) => warnings.push(message) };
  const effects = { log } as unknown as Effects;
  const broker = { trueTime: () => new Date() } as Broker;
  return { warnings, joiner: joinerOf(settings, { broker, effects, env }) };
}

test.each(METHODS)('of two agents that join by %s, one has the directory', async (method) => {
  const storage = await temporaryFolder();
  const first = await joinerIn(method, storage).joiner;
  const second = joinerIn(method, storage);
  await expect(second.joiner).rejects.toMatchObject({ code: 'busy' });
  expect(second.warnings).toEqual([]);
  await first.close();
  expect(await readdir(storage)).toEqual([]);
  await (await joinerIn(method, storage).joiner).close();
});

test('two agents may keep what they know in memory', async () => {
  const joiners = [joinerIn('azure', 'memory'), joinerIn('azure', 'memory')];
  for (const { joiner } of joiners) await (await joiner).close();
  expect(joiners.flatMap(({ warnings }) => warnings)).toEqual([]);
});

test('a machine that can not join by its method leaves the directory free', async () => {
  const storage = await temporaryFolder();
  const { joiner } = joinerIn('azure', storage, { JOINBOT_IMDS_URL: 'http://10.0.0.1' });
  await expect(joiner).rejects.toThrow('JOINBOT_IMDS_URL: expected');
  expect(await readdir(storage)).toEqual([]);
});

test('a directory that can not be had is a warning, but not where a secret is good for one join', async () => {
  const storage = join(await temporaryFolder(), 'file');
  await writeFile(storage, '');
  for (const method of ['azure', 'iam'] as const) {
    const { joiner, warnings } = joinerIn(method, storage);
    await (await joiner).close();
    expect(warnings).toEqual([
      `nothing keeps a second joinbot from ${storage}: the directory ${storage} can't be used: something else is there, or another joinbot writes to it`,
    ]);
  }
  const { joiner, warnings } = joinerIn('token', storage);
  await expect(joiner).rejects.toMatchObject({ code: 'files' });
  expect(warnings).toEqual([]);
});
