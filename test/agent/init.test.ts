/** `joinbot init`: a directory for the agent's user, and readers in it. As root with real accounts; else what is refused. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../agent/config-file.ts';
import { describeSetUp, directoriesToSetUp, setUpDirectory } from '../../agent/init.ts';
import { machinePrograms } from '../../agent/machine-programs.ts';
import type { OutputDirectory } from '../../agent/settings.ts';
import { hasProgram } from '../programs.ts';
import { temporaryFolder } from './folder.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

async function rigOf(): Promise<Rig> {
  const rig = await createRig({ programs: machinePrograms });
  chmodSync(rig.folder, 0o755);
  return rig;
}

const flagsFor = (path: string, reader = 'daemon') => [
  ...['init', `--destination-dir=${path}`, `--reader-user=${reader}`, '--bot-user=nobody'],
];

describe.skipIf(!isRoot || !hasProgram('setfacl'))('as root', () => {
  test('makes the directory for the agent, and lets the reader in, also twice', async () => {
    const rig = await rigOf();
    const path = join(rig.folder, 'a/out');
    for (let times = 0; times < 2; times += 1) {
      expect(await rig.run(...flagsFor(path))).toBe(0);
      expect(statSync(path).uid).toBe(NOBODY);
      const list = execFileSync('getfacl', ['-cp', path], { encoding: 'utf8' });
      expect(list).toContain('user:daemon:r-x');
      expect(list).toContain('other::---');
    }
    expect(rig.output.join('')).toContain(
      `destination: {type: directory, path: ${path}, readers: [{user: daemon}]}`,
    );
  });

  test('what the agent writes there the reader can read, and no other, over renewals', async () => {
    const rig = await rigOf();
    const path = join(rig.folder, 'out');
    await rig.run(...flagsFor(path));
    const config = guideConfig(
      `outputs: [{type: tls, destination: {type: directory, path: ${path}, readers: [{user: daemon}]}}]\n`,
    );
    rig.stopAfterWaits(2);
    expect(await rig.start(config)).toBe(0);
    const readAs = (user: string): string =>
      execFileSync('setpriv', [`--reuid=${user}`, '--clear-groups', 'cat', join(path, 'tls.key')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    expect(readAs('daemon')).toContain('PRIVATE KEY');
    expect(() => readAs('bin')).toThrow();
  });

  test('sets up what a config file names readers for', async () => {
    const rig = await rigOf();
    const [a, b] = [join(rig.folder, 'a'), join(rig.folder, 'b')];
    const config = join(rig.folder, 'c.yaml');
    const outputs = [
      `{type: tls, destination: {type: directory, path: ${a}, readers: [{group: daemon}]}}`,
      `{type: tls, destination: {type: directory, path: ${b}}}`,
    ];
    writeFileSync(config, guideConfig(`outputs: [${outputs.join(', ')}]\n`));
    expect(await rig.run('init', '-c', config, '--bot-user=nobody')).toBe(0);
    expect(statSync(a).uid).toBe(NOBODY);
    expect(existsSync(b)).toBe(false);
  });

  test("gives away nothing that is somebody else's", async () => {
    const rig = await rigOf();
    const path = join(rig.folder, 'theirs');
    mkdirSync(path);
    writeFileSync(join(path, 'file'), '');
    expect(await rig.run(...flagsFor(path))).toBe(1);
    expect(rig.output.at(-1)).toContain('is there already, with files in it');
    expect(statSync(path).uid).toBe(0);
  });

  test('changes nothing where somebody else could have put a link in the way', async () => {
    const rig = await rigOf();
    const theirs = join(rig.folder, 'theirs');
    mkdirSync(theirs);
    chownSync(theirs, 1, 1);
    const target = join(rig.folder, 'target');
    mkdirSync(target);
    symlinkSync(target, join(theirs, 'out'));
    symlinkSync(target, join(rig.folder, 'link'));
    for (const path of [join(theirs, 'out'), join(theirs, 'new'), join(rig.folder, 'link')]) {
      expect(await rig.run(...flagsFor(path))).toBe(1);
    }
    expect(statSync(target).uid).toBe(0);
    expect(existsSync(join(theirs, 'new'))).toBe(false);
  });
});

test.each([
  [['init'], 'expected --destination-dir and --reader-user, or a config file (-c)'],
  [['init', '--destination-dir=/x', '--reader-user=a:rwx,o'], 'expected the name of a user'],
  [['init', '--destination-dir=/x', '--reader-user=-R'], 'expected the name of a user'],
  [['init', '--destination-dir=/x', '--bot-user=no-such-user'], 'there is no user no-such-user'],
  [['init', '--oneshot'], '--oneshot is no flag of init'],
])('%j is refused', async (args, said) => {
  const rig = await rigOf();
  expect(await rig.run(...args)).not.toBe(0);
  expect(rig.output.at(-1)).toContain(said);
});

describe('what is to be set up', () => {
  const readers = [{ kind: 'user', name: 'web' }] as const;

  test('is the directory of the flags, for the reader that they name', () => {
    expect(directoriesToSetUp({ destinationDir: 'a', readerUser: 'web' }, undefined)).toStrictEqual(
      [{ destination: { type: 'directory', path: resolve('a'), readers }, botUser: 'joinbot' }],
    );
    expect(directoriesToSetUp({ destinationDir: '/a', botUser: 'robot' }, undefined)).toStrictEqual(
      [{ destination: { type: 'directory', path: '/a' }, botUser: 'robot' }],
    );
  });

  const FILE = readConfig(
    guideConfig(`outputs:
  - {type: tls, destination: {type: memory}}
  - {type: tls, destination: {type: kubernetes_secret, name: a}}
  - {type: tls, destination: {type: directory, path: /a}}
  - {type: tls, destination: {type: directory, path: /b, readers: [{user: web}]}}
services:
  - {type: spiffe, destination: {type: directory, path: /c, readers: [{group: web}]}}
`),
    'a.yaml',
  );

  test('are the directories of a config file that have readers', () => {
    const group = [{ kind: 'group', name: 'web' }] as const;
    expect(directoriesToSetUp({}, FILE)).toStrictEqual([
      { destination: { type: 'directory', path: '/b', readers }, botUser: 'joinbot' },
      { destination: { type: 'directory', path: '/c', readers: group }, botUser: 'joinbot' },
    ]);
    expect(directoriesToSetUp({ destinationDir: '/d' }, FILE)).toHaveLength(1);
  });

  test.each([
    [{}, 'expected --destination-dir and --reader-user, or a config file'],
    [{ destinationDir: '/a', readerUser: 'a b' }, 'expected the name of a user, got a b'],
    [{ destinationDir: '/a', botUser: '-R' }, 'expected the name of a user, got -R'],
    [{ destinationDir: '/a', botUser: 'x'.repeat(65) }, 'expected the name of a user'],
  ])('is not said by %j', (flags, said) => {
    expect(() => directoriesToSetUp(flags, undefined)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(said) }),
    );
  });
});

describe.skipIf(process.platform === 'win32')(
  'a directory for a user whom the machine knows',
  () => {
    const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

    /** Sets it up for a user of this number, on a machine whose `getent` says so. */
    async function setUp(
      path: string,
      {
        uid = own.uid,
        readers,
        answer = { code: 0, stdout: `robot:x:${uid}:${own.gid}::/:/bin/sh\n` },
      }: {
        uid?: number;
        readers?: OutputDirectory['readers'];
        answer?: { code: number; stdout: string } | null;
      } = {},
    ) {
      const commands: string[] = [];
      const programs = {
        run: async (program: string, args: readonly string[]) => {
          commands.push([program, ...args].join(' '));
          if (args[1] !== 'robot') return { code: 0, stdout: '', stderr: '' };
          return answer ? { ...answer, stderr: '' } : undefined;
        },
        signal: () => undefined,
      };
      const destination = { type: 'directory', path, ...(readers && { readers }) } as const;
      await setUpDirectory({ destination, botUser: 'robot' }, programs);
      return commands;
    }

    const modeOf = (path: string) => statSync(path).mode & 0o7777;

    test('is made for it alone, and for readers who are there', async () => {
      const path = join(await temporaryFolder(), 'out');
      expect(await setUp(path)).toEqual(['getent passwd robot']);
      expect(modeOf(path)).toBe(0o700);
      expect(statSync(path)).toMatchObject(own);
      expect(await setUp(path, { readers: [{ kind: 'group', name: 'web' }] })).toEqual([
        'getent passwd robot',
        'getent group web',
        `setfacl -m g:web:r-x -- ${path}`,
      ]);
    });

    test('keeps its mode and its files where it is there', async () => {
      const path = join(await temporaryFolder(), 'out');
      mkdirSync(path);
      chmodSync(path, 0o750);
      writeFileSync(join(path, 'file'), '');
      await setUp(path);
      expect(modeOf(path)).toBe(0o750);
      expect(existsSync(join(path, 'file'))).toBe(true);
    });

    test('is not made in the place of a file', async () => {
      const path = join(await temporaryFolder(), 'out');
      writeFileSync(path, '');
      await expect(setUp(path)).rejects.toMatchObject({
        code: 'files',
        message: `${path} is there already, and is no directory of root or robot: choose another one`,
      });
    });

    test('is not made where others may put something else in its place', async () => {
      const folder = await temporaryFolder();
      chmodSync(folder, 0o777);
      const path = join(folder, 'out');
      await expect(setUp(path)).rejects.toThrow(
        `${folder} can be written by others than its owner, who could put something else in the place of ${path}: choose a directory where only root may write`,
      );
      expect(existsSync(path)).toBe(false);
    });

    test.skipIf(!isRoot)("is given away only where it is root's, and empty", async () => {
      const folder = await temporaryFolder();
      const [empty, full, theirs] = [join(folder, 'a'), join(folder, 'b'), join(folder, 'c')];
      for (const path of [empty, full, theirs]) mkdirSync(path);
      writeFileSync(join(full, 'file'), '');
      chownSync(theirs, 1, 1);
      await setUp(empty, { uid: NOBODY });
      expect(statSync(empty).uid).toBe(NOBODY);
      await expect(setUp(full, { uid: NOBODY })).rejects.toMatchObject({
        code: 'files',
        message: `${full} is there already, with files in it, and isn't robot's: empty it, or choose another directory`,
      });
      await expect(setUp(theirs, { uid: NOBODY })).rejects.toMatchObject({
        code: 'files',
        message: expect.stringContaining('is no directory of root or robot'),
      });
      expect([statSync(full).uid, statSync(theirs).uid]).toEqual([0, 1]);
    });

    test.each([
      ['says that there is none', { code: 2, stdout: `robot:x:${own.uid}:${own.gid}:` }],
      ['says nothing that can be read', { code: 0, stdout: 'robot' }],
      ['says half of it', { code: 0, stdout: `robot:x:${own.uid}` }],
      ['is not there', null],
    ])('is not made where getent %s', async (_, answer) => {
      const path = join(await temporaryFolder(), 'out');
      await expect(setUp(path, { answer })).rejects.toMatchObject({
        code: 'config',
        message: '--bot-user: there is no user robot on this machine',
      });
      expect(existsSync(path)).toBe(false);
    });
  },
);

describe('what was set up is told', () => {
  const told = (path: string, readers?: OutputDirectory['readers']) =>
    describeSetUp({
      destination: { type: 'directory', path, ...(readers && { readers }) },
      botUser: 'robot',
    });

  test('with the lines that config and unit need', () => {
    expect(
      told('/srv/a', [
        { kind: 'user', name: 'web' },
        { kind: 'group', name: 'db' },
      ]),
    ).toBe(`/srv/a belongs to robot; web, db may enter. In the config file of joinbot:
  destination: {type: directory, path: /srv/a, readers: [{user: web}, {group: db}]}
The unit has to let the agent write there: ReadWritePaths=/srv/a
Whoever reads must be able to enter /srv, too.
`);
  });

  test('without readers, and for a directory that nothing is above', () => {
    expect(told('/a')).toBe(`/a belongs to robot. In the config file of joinbot:
  destination: {type: directory, path: /a}
The unit has to let the agent write there: ReadWritePaths=/a
`);
  });
});
