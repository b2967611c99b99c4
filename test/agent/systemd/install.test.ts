/** `joinbot install systemd`: a unit for one config. */
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, expect, test } from 'vitest';
import type { Failure } from '../../../agent/failure.ts';
import type { MachinePrograms, ProgramOutcome } from '../../../agent/machine-programs.ts';
import { installSystemd, reloadSystemd } from '../../../agent/systemd/install.ts';
import { runProgram } from '../../../local/programs.ts';
import { hasProgram } from '../../programs.ts';
import { noPrograms } from '../machine-programs.ts';
import { createRig, guideConfig, type Rig } from '../rig.ts';

const CONFIG = guideConfig(`storage: {type: directory, path: /var/lib/robot}
outputs: [{type: identity, destination: {type: directory, path: /opt/robot}}]
`);
const HOST = `version: v3
teleport:
  join_params: {method: azure, token_name: nodes}
  proxy_server: broker.example.com:443
  data_dir: /var/lib/teleport
ssh_service: {enabled: true}
`;

async function install(rig: Rig, flags: readonly string[] = [], config = CONFIG) {
  const file = join(rig.folder, 'joinbot.yaml');
  await writeFile(file, config);
  const code = await rig.run('install', 'systemd', '-c', file, ...flags);
  return { code, file, said: rig.output.splice(0).join('') };
}

test('prints a unit that may write where the config says, and nowhere else', async () => {
  const { code, file, said } = await install(await createRig());
  expect(code).toBe(0);
  expect(said).toMatch(new RegExp(`^ExecStart=.* start -c ${file}$`, 'm'));
  for (const line of [
    'User=joinbot',
    'Group=joinbot',
    'StateDirectory=robot',
    'ReadWritePaths=-/opt/robot',
    'ProtectSystem=strict',
    'CapabilityBoundingSet=',
    // It is started again, however often it fails.
    'Restart=on-failure',
    'RestartSec=10',
    'StartLimitIntervalSec=0',
  ])
    expect(said.split('\n')).toContain(line);
  expect(said.match(/ReadWritePaths=-/g)).toHaveLength(1);
});

test('for another user, group and name', async () => {
  const flags = ['--user=ci', '--group=runners', '--name=joinbot-ci'];
  const { said } = await install(await createRig(), flags);
  expect(said).toContain('User=ci\nGroup=runners\n');
  expect(said).toContain('systemctl edit joinbot-ci\n');
  expect((await install(await createRig(), ['--user=ci'])).said).toContain('User=ci\nGroup=ci\n');
});

test('says who made it, and what runs', async () => {
  const { file, said } = await install(await createRig());
  expect(said).toMatch(
    /^# Made by joinbot install systemd\. .* systemctl edit joinbot\n\[Unit\]\n/,
  );
  expect(said).toContain('\nDescription=Join Broker agent\n');
  expect(
    said
      .match(/^ExecStart=(.*)$/m)?.[1]
      ?.split(' ')
      .slice(-3),
  ).toEqual(['start', '-c', file]);
});

test('takes the config of the machine where none is named', async () => {
  const said: string[] = [];
  await installSystemd({
    flags: { write: false, force: false },
    host: undefined,
    places: { directories: [], socketDirectories: [] },
    programs: noPrograms(),
    say: (text) => said.push(text),
  });
  expect(said.join('')).toContain(' start -c /etc/joinbot.yaml\n');
  expect(said.join('')).not.toContain('StateDirectory');
});

describe('with a socket of the Workload API', () => {
  const linesFor = async (sockets: readonly string[], storage = '{type: memory}') => {
    const services = sockets.map(
      (path) => `{type: workload-identity-api, listen: "unix://${path}"}`,
    );
    const config = guideConfig(`storage: ${storage}\nservices: [${services.join(', ')}]\n`);
    const { code, said } = await install(await createRig(), [], config);
    expect(code).toBe(0);
    return said
      .split('\n')
      .filter((line) => /^(?:StateDirectory|RuntimeDirectory|ReadWritePaths)/.test(line));
  };

  test.each([
    ['/run/joinbot/workload.sock', ['RuntimeDirectory=joinbot', 'RuntimeDirectoryMode=0755']],
    ['/var/run/joinbot/w.sock', ['RuntimeDirectory=joinbot', 'RuntimeDirectoryMode=0755']],
    ['/run/a/b/w.sock', ['RuntimeDirectory=a/b', 'RuntimeDirectoryMode=0755']],
    ['/srv/sockets/w.sock', ['ReadWritePaths=-/srv/sockets']],
    ['/run/joinbot/../../srv/w.sock', ['ReadWritePaths=-/srv']],
    ['/run/w.sock', ['ReadWritePaths=-/run']],
    ['/srv/run/a/w.sock', ['ReadWritePaths=-/srv/run/a']],
    // What is of a session is not this unit's to give away, or to remove.
    ['/run/user/1000/w.sock', ['ReadWritePaths=-/run/user/1000']],
  ])('at %s', async (path, lines) => {
    expect(await linesFor([path])).toEqual(lines);
  });

  test('beside what else it writes, each directory once', async () => {
    const sockets = ['/run/a/1.sock', '/run/a/2.sock', '/run/b/1.sock', '/opt/robot/1.sock'];
    expect(await linesFor(sockets, '{type: directory, path: /opt/robot}')).toEqual([
      'RuntimeDirectory=a b',
      'RuntimeDirectoryMode=0755',
      'ReadWritePaths=-/opt/robot',
    ]);
  });

  test('refuses a path that a unit cannot name', async () => {
    const config = guideConfig(
      'services: [{type: workload-identity-api, listen: "unix:///run/%h/w.sock"}]\n',
    );
    const { code, said } = await install(await createRig(), [], config);
    expect(code).toBe(1);
    expect(said).toContain("a unit can't name /run/%h");
  });
});

test('for a host as root, who alone may reload sshd', async () => {
  const { said } = await install(await createRig(), [], HOST);
  expect(said).not.toMatch(/^User=/m);
  expect(said).toContain('Description=Join Broker agent of a host\n');
  expect(said).toContain('StateDirectory=teleport\n');
});

describe('--write', () => {
  const found = (commands: string[] = []) => ({
    ...noPrograms(commands),
    run: async (program: string, args: readonly string[]) => {
      commands.push([program, ...args].join(' '));
      return { code: 0, stdout: '', stderr: '' };
    },
  });

  async function place(rig: Rig) {
    const units = join(rig.folder, 'units');
    await mkdir(units, { recursive: true });
    return {
      path: join(units, 'joinbot.service'),
      flags: ['--write', `--systemd-directory=${units}`],
    };
  }

  test('writes it, once', async () => {
    const rig = await createRig({ programs: found() });
    const { path, flags } = await place(rig);
    const printed = await install(rig);
    const first = await install(rig, flags);
    expect(first.code).toBe(0);
    expect(first.said).toContain(
      `Wrote ${path}\nStart it, now and with the machine: systemctl enable --now joinbot\n`,
    );
    expect(await readFile(path, 'utf8')).toBe(printed.said);
    expect((await stat(path)).mode & 0o7600).toBe(0o600);
    expect((await install(rig, flags)).said).toBe(`${path} is as it should be\n`);
  });

  test('to a directory that is named with a slash at its end', async () => {
    const rig = await createRig({ programs: found() });
    const { path } = await place(rig);
    const flags = ['--write', `--systemd-directory=${dirname(path)}/`];
    expect((await install(rig, flags)).said).toContain(`Wrote ${path}\n`);
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
  });

  test("does not replace somebody's own unit, unless it is told to", async () => {
    const rig = await createRig({ programs: found() });
    const { path, flags } = await place(rig);
    await writeFile(path, 'mine\n');
    const { code, said } = await install(rig, flags);
    expect(code).toBe(1);
    expect(said).toContain(`${path} is there already and differs`);
    expect(await readFile(path, 'utf8')).toBe('mine\n');
    expect((await install(rig, [...flags, '--force'])).code).toBe(0);
    expect(await readFile(path, 'utf8')).toContain('ExecStart=');
  });

  describe('where the unit runs as root, refuses what others could put in its place:', () => {
    async function refused(change: (rig: Rig, flags: string[]) => Promise<unknown>) {
      const rig = await createRig({ programs: found() });
      const { path, flags } = await place(rig);
      const file = join(rig.folder, 'joinbot.yaml');
      await writeFile(file, HOST);
      await change(rig, flags);
      const { code, said } = await install(rig, flags, HOST);
      expect(code).toBe(1);
      expect(said).toContain('who could so become root when the unit starts: put joinbot and its');
      await expect(stat(path)).rejects.toThrow('ENOENT');
      return { rig, file, said };
    }

    test("the config's directory", async () => {
      const { rig, said } = await refused(({ folder }) => chmod(folder, 0o777));
      expect(said).toContain(`${rig.folder} can be written by others than its owner, who`);
    });

    test('the config', async () => {
      const { file, said } = await refused(({ folder }) =>
        chmod(join(folder, 'joinbot.yaml'), 0o666),
      );
      expect(said).toContain(`${file} can be written by others than its owner, who`);
    });

    test('the directory of a link to the config', async () => {
      const { rig, said } = await refused(async ({ folder }) => {
        await mkdir(join(folder, 'safe'));
        await rename(join(folder, 'joinbot.yaml'), join(folder, 'safe', 'joinbot.yaml'));
        await symlink('safe/joinbot.yaml', join(folder, 'joinbot.yaml'));
        await chmod(folder, 0o777);
      });
      expect(said).toContain(`${rig.folder} can be written by others than its owner, who`);
    });

    test.skipIf(process.getuid?.() !== 0)('the directory of somebody else', async () => {
      const { rig, said } = await refused(({ folder }) => chown(folder, 65534, 65534));
      expect(said).toContain(`${rig.folder} belongs to somebody else than root, who`);
    });

    test("a bot's user has what it may have already", async () => {
      const rig = await createRig({ programs: found() });
      const { flags } = await place(rig);
      await chmod(rig.folder, 0o777);
      expect((await install(rig, flags)).code).toBe(0);
      expect((await install(rig, [...flags, '--user=root', '--force'])).code).toBe(1);
    });

    describe('the program', () => {
      const { execPath, argv } = process;
      const [, script = ''] = argv;
      afterEach(() => {
        process.execPath = execPath;
        process.argv[1] = script;
      });

      test.skipIf(existsSync('/usr/local/bin/joinbot'))('its directory', async () => {
        const rig = await createRig({ programs: found() });
        const { path, flags } = await place(rig);
        const bin = join(rig.folder, 'bin');
        await mkdir(bin);
        for (const name of ['node', 'joinbot.cjs']) await writeFile(join(bin, name), '');
        process.execPath = join(bin, 'node');
        process.argv[1] = join(bin, 'joinbot.cjs');
        await chmod(bin, 0o777);
        const { code, said } = await install(rig, flags, HOST);
        expect(code).toBe(1);
        expect(said).toContain(`${bin} can be written by others than its owner, who`);
        await expect(stat(path)).rejects.toThrow('ENOENT');
        await chmod(bin, 0o755);
        expect((await install(rig, flags, HOST)).code).toBe(0);
      });
    });
  });

  /** A machine on which these answers of `getent` say that there is none. */
  const without = (...missing: readonly string[]) => {
    const commands: string[] = [];
    const run: MachinePrograms['run'] = async (program, args) => {
      const asked = [program, ...args].join(' ');
      commands.push(asked);
      return { code: missing.includes(asked) ? 2 : 0, stdout: '', stderr: '' };
    };
    return { commands, programs: { ...found(), run } };
  };

  test.each([
    [[], 'getent passwd joinbot', '--user: there is no joinbot on this machine: useradd --system'],
    [['--user=ci'], 'getent group ci', '--group: there is no ci on this machine: useradd'],
    [['--group=ci'], 'getent group ci', '--group: there is no ci on this machine: useradd'],
  ])(
    'with %j refuses whom the machine does not know, and writes nothing',
    async (more, asked, says) => {
      const rig = await createRig(without(asked));
      const { path, flags } = await place(rig);
      const { code, said } = await install(rig, [...flags, ...more]);
      expect(code).toBe(1);
      expect(said).toContain(says);
      await expect(stat(path)).rejects.toThrow('ENOENT');
    },
  );

  test("asks for no group of root's", async () => {
    const { commands, programs } = without();
    const rig = await createRig({ programs });
    const { flags } = await place(rig);
    expect((await install(rig, flags, HOST)).code).toBe(0);
    expect(commands).toEqual(['getent passwd root']);
  });

  test('takes it that there is a user where nothing can say', async () => {
    const rig = await createRig();
    expect((await install(rig, (await place(rig)).flags)).code).toBe(0);
  });
});

describe('systemd reads its units again', () => {
  async function told(runs: string, outcome?: ProgramOutcome) {
    const ran: string[] = [];
    const run: MachinePrograms['run'] = async (program, args) => {
      ran.push([program, ...args].join(' '));
      return outcome;
    };
    const error = await reloadSystemd({ run, signal: () => undefined }, runs).catch(
      (thrown: Failure) => `${thrown.code}: ${thrown.message}`,
    );
    return { ran, error };
  }
  const outcomeOf = (code: number, stderr = ''): ProgramOutcome => ({ code, stdout: '', stderr });

  test('where it runs', async () => {
    expect(await told(tmpdir(), outcomeOf(0, 'x'))).toEqual({
      ran: ['systemctl daemon-reload'],
      error: undefined,
    });
    expect(await told('/nowhere/at/all', outcomeOf(1))).toEqual({ ran: [], error: undefined });
  });

  test.each([
    [outcomeOf(1, ' no\u001b!\n'), 'no !'],
    [undefined, 'there is no program systemctl'],
  ])('or it is said why not: %j', async (outcome, why) => {
    expect((await told(tmpdir(), outcome)).error).toBe(
      `files: the unit is written, but systemd did not read it: ${why}`,
    );
  });
});

test.each([
  [['--name=a b'], CONFIG, 2, '--name: expected '],
  [['--name=-a'], CONFIG, 2, '--name: expected '],
  [[`--name=${'a'.repeat(64)}`], CONFIG, 2, '--name: expected '],
  [['--user=root;x'], CONFIG, 2, '--user: expected '],
  [['--user=1a'], CONFIG, 2, '--user: expected '],
  [[`--user=${'a'.repeat(33)}`], CONFIG, 2, '--user: expected '],
  [['--group=a b'], CONFIG, 2, '--group: expected '],
  [[], CONFIG.replace('/opt/robot', '/'), 1, "a unit can't name /: expected an absolute path"],
  [[], CONFIG.replace('/opt/robot', '"/opt/my robot"'), 1, "a unit can't name /opt/my robot"],
  [
    [],
    CONFIG.replace('/opt/robot', '"/opt/my robot/out"'),
    1,
    "a unit can't name /opt/my robot/out",
  ],
  [[], CONFIG.replace('/opt/robot', '"/opt/%h"'), 1, "a unit can't name /opt/%h"],
  [['--oneshot'], CONFIG, 2, '--oneshot is no flag of install systemd'],
])('refuses %j', async (flags, config, code, said) => {
  const result = await install(await createRig(), flags, config);
  expect(result.code).toBe(code);
  expect(result.said).toContain(said);
});

test.skipIf(!hasProgram('systemd-analyze'))('systemd accepts it without a word', async () => {
  const rig = await createRig();
  const service = '{type: workload-identity-api, listen: "unix:///run/joinbot/w.sock"}';
  const { said } = await install(rig, [], `${CONFIG}services: [${service}]\n`);
  expect(said).toContain('RuntimeDirectory=joinbot\n');
  const path = join(rig.folder, 'joinbot.service');
  await writeFile(path, said);
  const done = await runProgram('systemd-analyze', ['verify', path], { cwd: tmpdir() });
  expect(done).toMatchObject({ code: 0, stdout: '', stderr: '' });
  const args = ['security', '--offline=true', '--no-pager', path];
  const judged = await runProgram('systemd-analyze', args, { cwd: tmpdir() });
  const [, exposure] =
    /exposure level for joinbot\.service: (\d+\.\d)/.exec(judged?.stdout ?? '') ?? [];
  // 1.5 where docs/agent.md was written; other versions of systemd count a little otherwise.
  expect(Number(exposure)).toBeLessThanOrEqual(2);
});
