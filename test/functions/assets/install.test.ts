/** The install script, really run by `sh` and `bash` below a folder (`JOINBOT_ROOT`). */
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../../local/programs.ts';
import { hasProgram, programPath } from '../../programs.ts';
import { ROOT, succeeded } from '../../scenarios/scenario.ts';
import {
  createMachine,
  type InstallingBroker,
  type Machine,
  refused,
  startBroker,
  UNIT,
  VERSION,
} from './machine.ts';

const INSTALLED = [
  'etc/systemd/system/joinbot-node.service',
  'etc/systemd/system/joinbot.service',
  'usr/local/bin/joinbot',
  'usr/local/lib/join-broker/joinbot-node.service',
  'usr/local/lib/join-broker/joinbot.cjs',
  'usr/local/lib/join-broker/joinbot.service',
];
/** What the machines of these tests download with, unless they say otherwise. */
const hasCurl = hasProgram('curl');

let broker: InstallingBroker;
beforeAll(async () => {
  broker = await startBroker();
  return broker.close;
});
const script = (): Promise<string> => broker.script();

/** Every file with its contents and its times. */
const snapshot = async ({ root, files }: Machine) =>
  Promise.all(
    (await files()).map(async (path) => {
      const { mtimeMs, ino, mode } = await lstat(join(root, path));
      return { path, mtimeMs, ino, mode, text: await readFile(join(root, path), 'utf8') };
    }),
  );

describe.skipIf(!hasCurl).each(['sh', 'bash'])('piped to %s, the script', (shell) => {
  test('installs the agent, whose file is the one that was built', async () => {
    const machine = await createMachine();
    const { root } = machine;
    const { stdout, stderr } = succeeded(await machine.run(shell, await script()));
    expect(stderr).toBe('');
    expect(stdout).toContain(`joinbot ${VERSION} is installed.`);
    expect(await machine.files()).toEqual(INSTALLED);
    expect(await readFile(join(root, 'usr/local/lib/join-broker/joinbot.cjs'))).toEqual(
      await readFile(join(ROOT, 'dist/functions/install/joinbot.cjs')),
    );
    const modes = INSTALLED.map(async (path) => (await stat(join(root, path))).mode & 0o777);
    expect(await Promise.all(modes)).toEqual([0o644, 0o644, 0o755, 0o644, 0o644, 0o644]);
  });

  test('changes nothing when it is run again, and says so', async () => {
    const machine = await createMachine();
    succeeded(await machine.run(shell, await script()));
    const before = await snapshot(machine);
    const again = succeeded(await machine.run(shell, await script()));
    expect(again.stdout).toBe(`joinbot ${VERSION} was installed already: nothing was changed.\n`);
    expect(await snapshot(machine)).toEqual(before);
  });

  test('takes the version and the edition of the guides', async () => {
    for (const edition of ['oss', 'enterprise', 'cloud']) {
      const machine = await createMachine();
      const { stdout } = succeeded(await machine.run(shell, await script(), VERSION, edition));
      expect(stdout).toContain(`There is one edition of joinbot: ${edition} makes no difference.`);
      expect(await machine.files()).toEqual(INSTALLED);
    }
  });

  test('installs joinctl too where it is asked to', async () => {
    const machine = await createMachine();
    succeeded(await machine.run(shell, await script(), '--joinctl'));
    expect(await machine.files()).toEqual(
      [...INSTALLED, 'usr/local/bin/joinctl', 'usr/local/lib/join-broker/joinctl.cjs'].toSorted(),
    );
  });
});

test('works with wget where there is no curl', { skip: !programPath('wget') }, async () => {
  const machine = await createMachine({ downloader: 'wget' });
  succeeded(await machine.run('sh', await script()));
  expect(await machine.files()).toEqual(INSTALLED);
});

test('works with a shell that is neither bash nor dash', {
  skip: !hasCurl || !programPath('busybox'),
}, async () => {
  const machine = await createMachine();
  await symlink(programPath('busybox') ?? '', join(machine.programs, 'ash'));
  succeeded(await machine.run('ash', await script(), '--joinctl'));
});

describe.skipIf(!hasCurl)('a file that is there already', () => {
  test('is left alone where it is a unit that somebody changed, and the new one lies beside the programs', async () => {
    const machine = await createMachine();
    succeeded(await machine.run('sh', await script()));
    const path = join(machine.root, UNIT);
    const own = `${await readFile(path, 'utf8')}# mine\n`;
    await writeFile(path, own);
    const { stdout } = succeeded(await machine.run('sh', await script()));
    expect(stdout).toContain(`${path} was changed by somebody and stays as it is`);
    expect(stdout).toContain('nothing was changed.');
    expect(await readFile(path, 'utf8')).toBe(own);
  });

  test('is left alone where it is a unit that somebody wrote before, or masked', async () => {
    for (const make of [
      (path: string) => writeFile(path, '[Service]\nExecStart=/bin/true\n'),
      (path: string) => symlink('/dev/null', path),
      (path: string) => symlink('/nowhere', path),
    ]) {
      const machine = await createMachine();
      await mkdir(join(machine.root, 'etc/systemd/system'), { recursive: true });
      await make(join(machine.root, UNIT));
      const before = await lstat(join(machine.root, UNIT));
      const { stdout } = succeeded(await machine.run('sh', await script()));
      expect(stdout).toContain('stays as it is');
      expect((await lstat(join(machine.root, UNIT))).ino).toBe(before.ino);
    }
  });

  test('is replaced where it is the unit of an older version, which nobody changed', async () => {
    const machine = await createMachine();
    succeeded(await machine.run('sh', await script()));
    const now = await readFile(join(machine.root, UNIT), 'utf8');
    for (const path of [UNIT, 'usr/local/lib/join-broker/joinbot.service'])
      await writeFile(join(machine.root, path), '[Unit]\nDescription=older\n');
    succeeded(await machine.run('sh', await script()));
    expect(await readFile(join(machine.root, UNIT), 'utf8')).toBe(now);
  });

  test('is replaced where it is an older program', async () => {
    const machine = await createMachine();
    succeeded(await machine.run('sh', await script()));
    const path = join(machine.root, 'usr/local/lib/join-broker/joinbot.cjs');
    await writeFile(path, 'older');
    const { stdout } = succeeded(await machine.run('sh', await script()));
    expect(stdout).toContain(`Installed ${path}`);
    expect(await readFile(path)).toEqual(
      await readFile(join(ROOT, 'dist/functions/install/joinbot.cjs')),
    );
  });

  test('is not followed into where it is a directory', async () => {
    const machine = await createMachine();
    const path = join(machine.root, 'usr/local/bin/joinbot');
    await mkdir(path, { recursive: true });
    expect(refused(await machine.run('sh', await script()))).toContain(`${path} is a directory`);
    expect(await readdir(path)).toEqual([]);
  });
});

test.skipIf(!hasCurl)(
  "the tools' commands run the one Node.js that was found, without what the environment adds to it",
  async () => {
    const machine = await createMachine();
    succeeded(await machine.run('sh', await script(), '--joinctl'));
    for (const name of ['joinbot', 'joinctl']) {
      const command = await readFile(join(machine.root, 'usr/local/bin', name), 'utf8');
      expect(command).toContain(`'${join(machine.programs, 'node')}' /usr/local/lib/`);
      const here = command.replace('/usr/local/lib', join(machine.root, '$&'));
      await writeFile(join(machine.root, name), here, { mode: 0o755 });
      await writeFile(join(machine.root, 'spy.cjs'), 'console.log("the spy was loaded")');
      const outcome = await runProgram(join(machine.root, name), ['version'], {
        cwd: machine.root,
        env: { PATH: '', NODE_OPTIONS: `--require ${join(machine.root, 'spy.cjs')}` },
      });
      expect(outcome).toMatchObject({ stdout: `${name} ${VERSION}\n`, stderr: '', code: 0 });
    }
  },
);
