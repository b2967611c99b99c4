/** How `sshd` is told of new files: as `joinbot install sshd` wrote it down, and in no other way. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../../agent/log.ts';
import type { MachinePrograms, ProgramOutcome } from '../../../agent/machine-programs.ts';
import { reloadAfterRenewal, rememberReload } from '../../../agent/sshd/reload.ts';
import { temporaryFolder } from '../folder.ts';

const UNIT = { unit: 'ssh.service' } as const;
const FINE: ProgramOutcome = { code: 0, stdout: '', stderr: '' };

/** What it says and does where the file has this text. */
async function reload(text: string | undefined, outcome: ProgramOutcome | undefined = FINE) {
  const directory = await temporaryFolder();
  if (text !== undefined) await writeFile(join(directory, 'sshd.json'), text);
  const done: string[] = [];
  const said: string[] = [];
  const programs: MachinePrograms = {
    run: async (program, args) => {
      done.push([program, ...args].join(' '));
      return outcome;
    },
    signal: (pid, signal) => void done.push(`${signal} ${pid}`),
  };
  const say = (level: string) => (message: string) => void said.push(`${level} ${message}`);
  const log = { info: say('info'), error: say('error') } as unknown as Log;
  await reloadAfterRenewal(directory, programs, log);
  return { done, said: said.map((line) => line.replaceAll(directory, 'DIR')) };
}
const stored = (way: object, version = 1): string => JSON.stringify({ version, reload: way });
const BY_HAND = 'the new files are in DIR: reload sshd by hand';

test('is remembered once, for the owner alone', async () => {
  const directory = await temporaryFolder();
  const file = join(directory, 'sshd.json');
  expect(await rememberReload(directory, UNIT)).toBe(true);
  expect(await rememberReload(directory, UNIT)).toBe(false);
  expect(await readFile(file, 'utf8')).toBe(`${stored(UNIT)}\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await rememberReload(directory, { pid_file: '/run/sshd.pid' })).toBe(true);
});

test('is not done where nothing was written down', async () => {
  expect(await reload(undefined)).toEqual({ done: [], said: [] });
});

describe('by systemd', () => {
  const command = (unit: string) => `systemctl --no-ask-password try-reload-or-restart ${unit}`;

  test.each(['ssh.service', 'sshd.service'])('is told to reload %s', async (unit) => {
    expect(await reload(stored({ unit }))).toEqual({
      done: [command(unit)],
      said: [`info told ${unit} to reload`],
    });
  });

  test('says what systemctl said, or that there is none', async () => {
    const failed = { ...FINE, code: 1, stderr: ' Access\u001b denied\n' };
    expect((await reload(stored(UNIT), failed)).said).toEqual([
      `error ssh.service could not be reloaded: Access denied; ${BY_HAND}`,
    ]);
    const directory = await temporaryFolder();
    await rememberReload(directory, UNIT);
    const said: string[] = [];
    const log = { error: (message: string) => said.push(message) } as unknown as Log;
    const none = { run: async () => undefined, signal: () => undefined };
    await reloadAfterRenewal(directory, none, log);
    expect(said[0]).toContain('ssh.service could not be reloaded: no systemctl here; ');
  });

  test('a mistake of ours is no failure to reload', async () => {
    const directory = await temporaryFolder();
    await rememberReload(directory, UNIT);
    const broken = { run: () => Promise.reject(new RangeError('x')), signal: () => undefined };
    await expect(reloadAfterRenewal(directory, broken, {} as Log)).rejects.toThrow(RangeError);
  });
});

describe('by a pid file', () => {
  async function byPidFile(text?: string) {
    const folder = await temporaryFolder();
    const path = join(folder, 'sshd.pid');
    if (text !== undefined) await writeFile(path, text);
    const { done, said } = await reload(stored({ pid_file: path }));
    return { done, said: said.map((line) => line.replaceAll(path, 'PID')) };
  }

  test('is not needed where sshd does not run', async () => {
    expect(await byPidFile()).toEqual({
      done: [],
      said: ['info sshd does not run: nothing to reload'],
    });
  });

  test.each(['', 'x', '0', '1', '-1', '2.5', '9007199254740992', '12 13'])(
    'with %j signals nobody',
    async (text) => {
      expect(await byPidFile(text)).toEqual({
        done: [],
        said: [`error sshd (PID) could not be reloaded: it holds no process id; ${BY_HAND}`],
      });
    },
  );

  test.skipIf(process.platform !== 'linux')('signals sshd', async () => {
    const program = join(await temporaryFolder(), 'sshd');
    await symlink('/bin/sleep', program);
    const child = spawn(program, ['600']);
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    expect(await byPidFile(`${child.pid}\n`)).toEqual({
      done: [`SIGHUP ${child.pid}`],
      said: ['info told sshd (PID) to reload'],
    });
    // The least that there can be.
    expect((await byPidFile('2')).said[0]).toContain('process 2 is not sshd');
  });

  test('signals no process that is not sshd', async () => {
    const { done, said } = await byPidFile(`${process.pid}\n`);
    expect(done).toEqual([]);
    expect(said).toEqual([
      `error sshd (PID) could not be reloaded: process ${process.pid} is not sshd; ${BY_HAND}`,
    ]);
  });
});

test.each([
  ['no JSON', '{'],
  ['another version', stored(UNIT, 2)],
  ['another unit', stored({ unit: 'evil.service' })],
  ['a command', stored({ command: ['rm'] })],
  ['more than one way', stored({ ...UNIT, pid_file: '/run/sshd.pid' })],
  ['a relative path', stored({ pid_file: 'sshd.pid' })],
  ['a relative path through a folder', stored({ pid_file: 'run/sshd.pid' })],
  ['a path with a control character', stored({ pid_file: '/run/\u0007' })],
  ['no path', stored({ pid_file: '/' })],
  ['a path that is too long', stored({ pid_file: `/${'x'.repeat(1025)}` })],
  ['another member', JSON.stringify({ version: 1, reload: UNIT, more: 1 })],
])('a file with %s is not followed', async (_, text) => {
  const { done, said } = await reload(text);
  expect(done).toEqual([]);
  expect(said).toEqual([
    expect.stringMatching(
      /^error DIR\/sshd\.json can't be read \(.+\): run joinbot install sshd --write again; /,
    ),
  ]);
});
