/** What systemd is told; wait.test.ts has the whole agent. */
import { expect, test } from 'vitest';
import type { Log } from '../../agent/log.ts';
import type { ProgramOutcome } from '../../agent/machine-programs.ts';
import { notifyReady } from '../../agent/notify.ts';

async function notified(
  outcome: ProgramOutcome | undefined,
  socket: string | undefined = '/run/x',
) {
  const ran: string[] = [];
  const warnings: string[] = [];
  const programs = {
    run: async (program: string, args: readonly string[]) => {
      ran.push([program, ...args].join(' '));
      return outcome;
    },
    signal: () => undefined,
  };
  const log = { warn: (message: string) => warnings.push(message) } as unknown as Log;
  await notifyReady({ NOTIFY_SOCKET: socket }, programs, log);
  return { ran, warnings };
}

const SAID = "systemd can't be told that the certificates are there: systemd-notify: ";

test('systemd is told by its own program, without a word in the log', async () => {
  const done = await notified({ code: 0, stdout: '', stderr: 'x' });
  expect(done).toEqual({ ran: ['systemd-notify --ready'], warnings: [] });
});

test('nobody is told where nobody asks', async () => {
  expect(await notified(undefined, '')).toEqual({ ran: [], warnings: [] });
});

test.each([
  ['the words of the program', { code: 1, stdout: '', stderr: ' no\u001b!\n' }, 'no !'],
  ['its exit code', { code: 4, stdout: '', stderr: '' }, 'exit code 4'],
  ['that there is none', undefined, 'there is no such program'],
])('where that fails the log has %s', async (_, outcome, why) => {
  expect((await notified(outcome)).warnings).toEqual([`${SAID}${why}`]);
});
