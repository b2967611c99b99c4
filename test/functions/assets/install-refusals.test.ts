/** When the install script, really run, installs nothing. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasProgram, programPath } from '../../programs.ts';
import { createMachine, type InstallingBroker, refused, startBroker, VERSION } from './machine.ts';

let broker: InstallingBroker;
beforeAll(async () => {
  broker = await startBroker();
  return broker.close;
});
const script = (): Promise<string> => broker.script();

describe('installs nothing, and says why in a sentence,', () => {
  test.each([
    ['another version', ['9.9.9'], 'this broker has version'],
    ['the version with a v', [`v${VERSION}`], `expected ${VERSION} or nothing`],
    ['an unknown option', ['--force'], 'unknown option --force: expected --joinctl, or none'],
    ['an unknown edition', ['gold'], 'got gold'],
  ])('for %s', async (_, args, message) => {
    const machine = await createMachine();
    expect(refused(await machine.run('sh', await script(), ...args))).toContain(message);
    expect(await machine.files()).toEqual([]);
  });

  const HOW = 'install Node.js 20 or later for all users';
  test.each([
    ['without Node.js', { node: null }, `there is no node among root's programs`],
    ['with Node.js 18', { node: 'echo v18.20.4' }, 'is version v18.20.4'],
    ['with a Node.js that does not run', { node: 'exit 127' }, 'does not run'],
    ['with a node that is something else', { node: 'echo node 20' }, 'does not tell its version'],
    ['with a node that tells no number', { node: 'echo v' }, 'does not tell its version'],
  ] as const)('%s', async (_, options, message) => {
    const machine = await createMachine(options);
    const said = refused(await machine.run('sh', await script()));
    expect(said).toContain(message);
    expect(said).toContain(HOW);
    expect(await machine.files()).toEqual([]);
  });

  test('without anything that downloads', async () => {
    const machine = await createMachine({ downloader: null });
    expect(refused(await machine.run('sh', await script()))).toContain('curl or wget is missing');
    expect(await machine.files()).toEqual([]);
  });

  describe.each(['curl', 'wget'] as const)('where the broker has gone', (downloader) => {
    test.skipIf(!programPath(downloader))(`for ${downloader}`, async () => {
      const machine = await createMachine({ downloader });
      const gone = (await script()).replaceAll(broker.url, 'http://127.0.0.1:9');
      expect(refused(await machine.run('sh', gone))).toContain(
        "can't download http://127.0.0.1:9/scripts/joinbot.cjs; nothing was changed",
      );
      expect(await machine.files()).toEqual([]);
    });
  });

  test.skipIf(!hasProgram('curl')).each(['joinbot', 'joinctl'])(
    'where %s is not what the script expects',
    async (name) => {
      const impostor = await serve(async (path) => {
        const answer = await fetch(`${broker.url}${path}`);
        return path === `/scripts/${name}.cjs` ? `${await answer.text()} ` : answer.text();
      });
      const machine = await createMachine();
      const tampered = (await script()).replaceAll(broker.url, impostor);
      const said = refused(await machine.run('sh', tampered, '--joinctl'));
      expect(said).toContain(`sent as ${name} is not version ${VERSION} (its SHA-256 differs)`);
      expect(await machine.files()).toEqual([]);
    },
  );

  test('where only part of the script arrived, wherever it was cut', async () => {
    const whole = await script();
    const machine = await createMachine();
    const marks = [
      whole.indexOf('main() {'),
      whole.indexOf('rm -rf'),
      whole.indexOf('[Install]'),
      whole.indexOf('\nmain "$@"') + '\nmain'.length,
      whole.indexOf('\nmain "$@"') + '\nmain "$@"\n'.length,
      whole.lastIndexOf('exit') + 'exit\n'.length,
    ];
    for (const shell of ['sh', 'bash']) {
      for (const end of marks) {
        const { code } = await machine.run(shell, whole.slice(0, end));
        expect(code, whole.slice(end - 20, end)).not.toBe(0);
      }
    }
    expect(await machine.files()).toEqual([]);
  });
});

test('needs a folder to install below, by its whole path', async () => {
  const machine = await createMachine();
  for (const root of ['relative', join(machine.root, 'none')]) {
    const line = `JOINBOT_ROOT='${root}'\n${await script()}`;
    expect(refused(await machine.run('sh', line))).toContain('JOINBOT_ROOT');
  }
  expect(await machine.files()).toEqual([]);
});

/** Serves texts by their paths; gives the address. */
async function serve(answer: (path: string) => Promise<string>): Promise<string> {
  const server = createServer(async (request, response) => {
    response.end(await answer(request.url ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
