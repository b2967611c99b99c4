/** Others who may read an output, from the first time on and after every renewal. */
import { existsSync, statSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  realpath,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeFileSet } from '../../agent/file-set.ts';
import {
  type MachinePrograms,
  machinePrograms,
  type ProgramOutcome,
} from '../../agent/machine-programs.ts';
import {
  admitReaders,
  admitToDirectory,
  admitToSocket,
  expectReaders,
  giveToGroup,
  readersOf,
} from '../../agent/readers.ts';
import type { Output, Reader } from '../../agent/settings.ts';
import { temporaryFolder } from './folder.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const FINE: ProgramOutcome = { code: 0, stdout: '', stderr: '' };

/** Programs that do nothing but say this; `commands` are what was run. */
function programs(outcomes: Readonly<Record<string, Partial<ProgramOutcome>>>) {
  const commands: string[] = [];
  const machine: MachinePrograms = {
    run: async (program, args, directory) => {
      const within = directory === undefined ? '' : `${await realpath(directory)}$ `;
      commands.push(`${within}${[program, ...args].join(' ')}`);
      const outcome = outcomes[program];
      return outcome && { ...FINE, ...outcome };
    },
    signal: () => undefined,
  };
  return { machine, commands };
}

const configOf = (rig: Rig, access: string) =>
  guideConfig(
    `outputs: [{type: identity, destination: {type: directory, path: ${join(rig.folder, 'out')}, ${access}}}]\n`,
  );
const READERS = 'readers: [{user: jenkins}, {group: www-data}]';
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('readers', () => {
  test('are let in before a version becomes the current one, at each renewal', async () => {
    const { machine, commands } = programs({ getent: {}, setfacl: {} });
    const seen: boolean[] = [];
    const run: MachinePrograms['run'] = async (program, args, version = '') => {
      if (args[0] === '-R') seen.push(existsSync(join(await realpath(version), '../..data')));
      return machine.run(program, args, version || undefined);
    };
    const rig = await createRig({ programs: { ...machine, run } });
    rig.stopAfterWaits(2);
    expect(await rig.start(configOf(rig, READERS))).toBe(0);
    const out = join(rig.folder, 'out');
    expect(commands.slice(0, 3)).toEqual([
      'getent passwd jenkins',
      'getent group www-data',
      `setfacl -m u:jenkins:r-x,g:www-data:r-x -- ${out}`,
    ]);
    const versions = commands.filter((command) => command.includes('setfacl -R'));
    expect(versions).toHaveLength(2);
    expect(versions[1]).toBe(
      `${await realpath(join(out, '..data'))}$ setfacl -R -m u:jenkins:r-X,g:www-data:r-X -- .`,
    );
    // The first time there was no current version yet.
    expect(seen).toEqual([false, true]);
  });

  test('that the machine does not know are refused before anything is asked for', async () => {
    const rig = await createRig({ programs: programs({ getent: { code: 2 } }).machine });
    expect(await rig.start(configOf(rig, READERS))).toBe(1);
    expect(rig.output.at(-1)).toBe('joinbot: readers: there is no user jenkins on this machine\n');
    expect(rig.broker.calls).toEqual([]);
  });

  test.each([
    ['a machine without setfacl', {}, 'there is no program setfacl: install the package acl'],
    [
      'a file system without lists',
      { setfacl: { code: 1, stderr: 'Operation not supported' } },
      'setfacl says: Operation not supported',
    ],
  ])('on %s get nothing, and nobody else does', async (_, outcomes, said) => {
    const rig = await createRig({ programs: programs({ getent: {}, ...outcomes }).machine });
    expect(await rig.start(configOf(rig, READERS), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain(`can't be let in: ${said}`);
    expect(existsSync(join(rig.folder, 'out', '..data'))).toBe(false);
  });
});

describe.skipIf(process.platform === 'win32')('a mode', () => {
  test.each([
    ['0640', '640', '750'],
    ['0644', '644', '755'],
    ['0600', '600', '700'],
  ])('of %s is that of each file, also after a renewal', async (mode, files, folders) => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    rig.stopAfterWaits(2);
    expect(await rig.start(configOf(rig, `mode: "${mode}"`))).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    const version = await realpath(join(out, '..data'));
    const modes = (await readdir(version)).map((name) => modeOf(join(version, name)));
    expect(new Set(modes)).toEqual(new Set([files]));
    expect([modeOf(version), modeOf(out)]).toEqual([folders, folders]);
  });

  test('takes nothing away that an operator allowed on the directory', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    await mkdir(out);
    await chmod(out, 0o755);
    await rig.start(configOf(rig, 'mode: "0640"'), '--oneshot');
    expect(modeOf(out)).toBe('755');
  });

  test.each(['0660', '0666', '0400', '0755', '640x'])('of %s is refused', async (mode) => {
    const rig = await createRig();
    expect(await rig.start(configOf(rig, `mode: "${mode}"`), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain(
      'outputs[0].destination.mode: expected a mode that lets others read at most, such as "0640"',
    );
  });
});

test.each(['{user: "a b"}', '{user: "x:rwx,o"}', '{user: -R}', '{other: x}', 'jenkins'])(
  'a reader %s is refused',
  async (reader) => {
    const rig = await createRig();
    expect(await rig.start(configOf(rig, `readers: [${reader}]`), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain('outputs[0].destination.readers[0]');
  },
);

const JENKINS: Reader = { kind: 'user', name: 'jenkins' };
const WWW: Reader = { kind: 'group', name: 'www-data' };

describe('rights by lists', () => {
  test('to a directory let enter it, to a socket let connect, and without readers nothing is run', async () => {
    const { machine, commands } = programs({ setfacl: {} });
    await admitToDirectory('/run/d', [JENKINS, WWW], machine);
    await admitToSocket('/', 's', '/run/d/w.sock', [JENKINS, WWW], machine);
    expect(commands).toEqual([
      'setfacl -m u:jenkins:r-x,g:www-data:r-x -- /run/d',
      '/$ setfacl -m u:jenkins:rw-,g:www-data:rw- -- s',
    ]);
    await admitToDirectory('/run/d', [], machine);
    await admitToSocket('/', 's', '/run/d/w.sock', [], machine);
    await admitReaders('/run/d', '/run/d/v', {}, machine);
    expect(commands).toHaveLength(2);
  });

  test.each<[string, Partial<ProgramOutcome> | undefined, string]>([
    ['in its own words', { code: 1, stderr: 'no\u001b such user\n' }, 'setfacl says: no such user'],
    ['by its exit code where it has none', { code: 3, stderr: ' ' }, 'setfacl says: exit code 3'],
    ['or that it is missing', undefined, 'there is no program setfacl: install the package acl'],
  ])('that setfacl does not give are told of %s', async (_, outcome, said) => {
    const { machine } = programs(outcome ? { setfacl: outcome } : {});
    await expect(admitToSocket('/', 's.new', '/d/s', [WWW], machine)).rejects.toMatchObject({
      code: 'files',
      message: expect.stringContaining(`the readers of /d/s can't be let in: ${said}`),
    });
  });

  test("are taken away from what is the owner's only, where it is there", async () => {
    const version = await temporaryFolder();
    await writeFile(join(version, 'key'), '', { mode: 0o640 });
    const { machine, commands } = programs({ setfacl: {} });
    const wanted = { readers: [WWW], ownerOnly: ['key', 'none'] };
    await admitReaders('/out', version, wanted, machine);
    expect(commands).toEqual([
      'setfacl -m g:www-data:r-x -- /out',
      `${version}$ setfacl -R -m g:www-data:r-X -- .`,
      `${version}$ setfacl -b -- key`,
    ]);
    expect(modeOf(join(version, 'key'))).toBe('600');
  });
});

test.skipIf(process.platform !== 'linux').each<[string, object]>([
  ['a mode', { mode: 0o644 }],
  ['readers', { readers: [WWW], ownerOnly: ['key'] }],
])('%s opens what was made, and nothing that somebody puts in its place', async (_, wanted) => {
  const out = await temporaryFolder();
  const victim = await temporaryFolder();
  await chmod(victim, 0o700);
  await writeFile(join(victim, 'key'), '', { mode: 0o640 });
  const machine: MachinePrograms = {
    run: (_program, args, within) =>
      machinePrograms.run('chmod', ['-R', 'g+r', args.at(-1) ?? ''], within),
    signal: () => undefined,
  };
  let made = '';
  await writeFileSet(
    out,
    new Map([
      ['key', ''],
      ['crt', ''],
    ]),
    new Date(0),
    async (version) => {
      const [name = ''] = await readdir(out);
      made = join(out, `${name}~`);
      await rename(join(out, name), made);
      await symlink(victim, join(out, name));
      await admitReaders(out, version, wanted, machine);
    },
  );
  expect([modeOf(victim), modeOf(join(victim, 'key'))]).toEqual(['700', '640']);
  expect(modeOf(join(made, 'crt'))).toBe('mode' in wanted ? '644' : '640');
});

test('readers that the machine does not know are refused, and where nobody can say they are not', async () => {
  const output = (reader: Reader): Pick<Output, 'destination'> => ({
    destination: { type: 'directory', path: '/out', readers: [reader] },
  });
  const none = programs({ getent: { code: 2 } }).machine;
  await expect(expectReaders([output(JENKINS)], none)).rejects.toMatchObject({
    code: 'config',
    message: 'readers: there is no user jenkins on this machine',
  });
  await expect(expectReaders([output(WWW)], none)).rejects.toThrow(
    'readers: there is no group www-data on this machine',
  );
  for (const outcomes of [{ getent: {} }, { getent: { code: 1 } }, {}])
    await expectReaders([output(JENKINS), output(WWW)], programs(outcomes).machine);
  expect(readersOf({ destination: { type: 'kubernetes_secret' } as never })).toEqual([]);
  expect(readersOf({ destination: { type: 'directory', path: '/out' } })).toEqual([]);
});

describe.skipIf(process.platform === 'win32')('rights by a mode', () => {
  async function version() {
    const directory = await temporaryFolder();
    const path = join(directory, 'v');
    await mkdir(join(path, 'certs'), { recursive: true, mode: 0o700 });
    for (const name of ['key', 'cert', 'certs/ca'])
      await writeFile(join(path, name), '', { mode: 0o600 });
    return { directory, path };
  }
  const none = programs({}).machine;

  test("are those of files and of folders, but for what is the owner's only", async () => {
    const { directory, path } = await version();
    await admitReaders(directory, path, { mode: 0o640, ownerOnly: ['key'] }, none);
    const names = ['.', 'certs', 'certs/ca', 'cert', 'key'];
    expect(names.map((name) => modeOf(join(path, name)))).toEqual([
      '750',
      '750',
      '640',
      '640',
      '600',
    ]);
    expect(modeOf(directory)).toBe('750');
  });

  test.skipIf(process.getuid?.() !== 0)('are for the group of the directory', async () => {
    const { directory, path } = await version();
    await chown(directory, -1, 65_534);
    await admitReaders(directory, path, { mode: 0o640 }, none);
    for (const name of ['.', 'certs', 'certs/ca'])
      expect(await stat(join(path, name))).toMatchObject({ uid: 0, gid: 65_534 });
  });

  test('say what to do where only root may give files to that group', async () => {
    const failing = (code: string) => () =>
      Promise.reject(Object.assign(new Error(code), { code }));
    await expect(giveToGroup('/out/v', 1, '/out', failing('EPERM'))).rejects.toMatchObject({
      code: 'files',
      message:
        "the files in /out can't be given to its group: make them so from the start (chmod g+s /out)",
      cause: { code: 'EPERM' },
    });
    await expect(giveToGroup('/out/v', 1, '/out', failing('EROFS'))).rejects.toMatchObject({
      code: 'EROFS',
    });
  });
});
