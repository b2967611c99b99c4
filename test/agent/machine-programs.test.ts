/** Programs of this machine, as they are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { machinePrograms } from '../../agent/machine-programs.ts';
import { inOwn } from '../../agent/own-files.ts';
import { temporaryFolder } from './folder.ts';

const { run, signal } = machinePrograms;

describe.skipIf(process.platform === 'win32')('a program', () => {
  const shell = (script: string) => run('sh', ['-c', script, 'sh', 'a b; exit 1']);

  test('is run with its arguments as they are, in plain English, and says how it ended', async () => {
    expect(await shell('echo "$1 $LC_ALL $HOME"; echo no >&2; exit 3')).toEqual({
      code: 3,
      stdout: `a b; exit 1 C ${process.env['HOME'] ?? ''}\n`,
      stderr: 'no\n',
    });
    expect(await shell('true')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test.skipIf(process.platform !== 'linux')(
    'is run in a directory that we hold, whatever is in the place of its name by then',
    async () => {
      const path = join(await temporaryFolder(), 'own');
      await mkdir(path);
      await writeFile(join(path, 'file'), 'ours');
      const outcome = await inOwn(path, async (own) => {
        await rename(path, `${path}~`);
        return run('cat', ['file'], own);
      });
      expect(outcome).toEqual({ code: 0, stdout: 'ours', stderr: '' });
    },
  );

  test('that is not there is told from one that may not be run, and from one that was ended', async () => {
    expect(await run('there-is-no-such-program', [])).toBeUndefined();
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '', { mode: 0o600 });
    await expect(run(file, [])).rejects.toMatchObject({ code: 'EACCES' });
    await expect(shell('kill -TERM $$')).rejects.toMatchObject({ signal: 'SIGTERM' });
  });

  test('is sent a signal, and that it is gone is an error', async () => {
    const child = spawn('sleep', ['600']);
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    const ended = once(child, 'exit');
    signal(child.pid ?? 0, 'SIGUSR1');
    expect(await ended).toEqual([null, 'SIGUSR1']);
    expect(() => signal(child.pid ?? 0, 'SIGHUP')).toThrow('ESRCH');
  });
});
