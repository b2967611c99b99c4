/** Who is told that the files changed: a unit, a command's program, or the process of a pid file and no other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../agent/log.ts';
import type { MachinePrograms, ProgramOutcome } from '../../agent/machine-programs.ts';
import type { ReloadConfig } from '../../agent/outputs/common-fields.ts';
import { expectProgram, reloadProgram } from '../../agent/reload.ts';
import { temporaryFolder } from './folder.ts';

const FINE: ProgramOutcome = { code: 0, stdout: '', stderr: '' };

async function tell(reload: ReloadConfig, outcome: ProgramOutcome | null = FINE) {
  const done: string[] = [];
  const said: string[] = [];
  const programs: MachinePrograms = {
    run: async (program, args) => {
      done.push([program, ...args].join('|'));
      return outcome ?? undefined;
    },
    signal: (pid, signal) => void done.push(`${signal} ${pid}`),
  };
  const say = (level: string) => (message: string) => void said.push(`${level} ${message}`);
  const log = { info: say('info'), error: say('error') } as unknown as Log;
  await reloadProgram(reload, '/out', { programs, log });
  return { done, said };
}
const BY_HAND = 'the new files are in /out: reload it by hand';

test.each<[string, ReloadConfig, string, string]>([
  [
    'a unit',
    { systemd_unit: 'web.service' },
    'systemctl|--no-ask-password|try-reload-or-restart|web.service',
    'told web.service to reload',
  ],
  ['a command', { command: ['x', 'a b', '\u001bc'] }, 'x|a b|\u001bc', 'ran x a b c'],
])('%s is told', async (_, reload, done, said) => {
  expect(await tell(reload)).toEqual({ done: [done], said: [`info ${said}`] });
});

test.each<[string, ProgramOutcome | null, string]>([
  ['in the words of the program', { ...FINE, code: 1, stderr: ' no\u001b!\n' }, 'no !'],
  ['by its exit code where it has none', { ...FINE, code: 4, stderr: '\n' }, 'exit code 4'],
  ['or that there is none', null, 'there is no program x'],
])('what failed is told of %s', async (_, outcome, why) => {
  const { said } = await tell({ command: ['x', 'y'] }, outcome);
  expect(said).toEqual([`error the command "x y" failed: ${why}; ${BY_HAND}`]);
  const unit = await tell({ systemd_unit: 'web' }, outcome);
  expect(unit.said[0]).toMatch(/^error web could not be reloaded: /);
});

test('a mistake of ours is no failure to reload', async () => {
  const programs: MachinePrograms = {
    run: () => Promise.reject(new RangeError('x')),
    signal: () => undefined,
  };
  const log = {} as Log;
  const telling = reloadProgram({ command: ['x'] }, '/out', { programs, log });
  await expect(telling).rejects.toThrow(RangeError);
});

describe('a process', () => {
  async function signalled(text: string | undefined, program: string) {
    const path = join(await temporaryFolder(), 'x.pid');
    if (text !== undefined) await writeFile(path, text);
    const { done, said } = await tell({ signal: 'HUP', pid_file: path, program });
    return { done, said: said.map((line) => line.replaceAll(path, 'PID')) };
  }

  async function running(): Promise<number> {
    const child = spawn('sleep', ['600']);
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    return child.pid ?? 0;
  }

  test('that the first line names is signalled', async () => {
    const pid = await running();
    expect(await signalled(` ${pid} \n12\n`, 'sleep')).toEqual({
      done: [`SIGHUP ${pid}`],
      said: ['info sent SIGHUP to sleep'],
    });
  });

  test('of another program is not', async () => {
    const pid = await running();
    expect(await signalled(`${pid}`, 'nginx')).toEqual({
      done: [],
      said: [`error nginx could not be told (PID): process ${pid} is not nginx; ${BY_HAND}`],
    });
  });

  test('that does not run needs no signal', async () => {
    expect(await signalled(undefined, 'nginx')).toEqual({
      done: [],
      said: ['info nginx does not run (PID): nothing to reload'],
    });
  });

  test.each(['', '\n12', 'x', '0', '1', '-1', '2.5', '9007199254740992'])(
    'is named by no file with %j',
    async (text) => {
      expect(await signalled(text, 'nginx')).toEqual({
        done: [],
        said: [`error PID holds no process id; ${BY_HAND}`],
      });
    },
  );
});

test.skipIf(process.platform !== 'linux')(
  'of the name of a process, the kernel keeps fifteen letters',
  async () => {
    const path = join(await temporaryFolder(), 'a-program-with-a-long-name');
    await symlink('/bin/sleep', path);
    const child = spawn(path, ['600']);
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    await expectProgram(pid, 'a-program-with-a-long-name', 'no');
    await expect(expectProgram(pid, 'a-program-with', 'no')).rejects.toThrow(
      `no: process ${pid} is not a-program-with`,
    );
    await expect(expectProgram(2 ** 30, 'sleep', 'no')).rejects.toMatchObject({
      code: 'files',
      message: `no: process ${2 ** 30} is not sleep`,
    });
  },
);
