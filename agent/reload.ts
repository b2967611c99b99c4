/** Tells a program that its files changed, in the way that the config file says: never through a shell. */
import { readFile } from 'node:fs/promises';
import { orUndefined, plainError } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import type { MachinePrograms } from './machine-programs.ts';
import type { ReloadConfig } from './outputs/common-fields.ts';
import { printable } from './printable.ts';

/** Says what came of it. A failure is no reason to stop, since the files are there. */
export async function reloadProgram(
  reload: ReloadConfig,
  destination: string,
  { programs, log }: Pick<Effects, 'programs' | 'log'>,
): Promise<void> {
  try {
    log.info(await tell(reload, programs));
  } catch (thrown) {
    const error = plainError(thrown);
    if (!(error instanceof Failure)) throw error;
    log.error(`${error.message}; the new files are in ${destination}: reload it by hand`);
  }
}

/** What was done, for the log. */
async function tell(reload: ReloadConfig, programs: MachinePrograms): Promise<string> {
  if ('systemd_unit' in reload) {
    const unit = reload.systemd_unit;
    await run(
      ['systemctl', '--no-ask-password', 'try-reload-or-restart', unit],
      `${unit} could not be reloaded`,
      programs,
    );
    return `told ${unit} to reload`;
  }
  if ('command' in reload) {
    const said = reload.command.map((word) => printable(word, 200)).join(' ');
    await run(reload.command, `the command "${said}" failed`, programs);
    return `ran ${said}`;
  }
  const { signal, pid_file: path, program } = reload;
  const pid = await processIn(path);
  if (pid === undefined) return `${program} does not run (${path}): nothing to reload`;
  await expectProgram(pid, program, `${program} could not be told (${path})`);
  programs.signal(pid, `SIG${signal}`);
  return `sent SIG${signal} to ${program}`;
}

async function run(
  [program = '', ...args]: readonly string[],
  failed: string,
  programs: MachinePrograms,
): Promise<void> {
  const outcome = await programs.run(program, args);
  if (outcome?.code === 0) return;
  const why = outcome
    ? printable(outcome.stderr, 500) || `exit code ${outcome.code}`
    : `there is no program ${printable(program, 200)}`;
  throw new Failure('files', `${failed}: ${why}`);
}

/** The process id in its first line; `undefined` where there is no such file. */
async function processIn(path: string): Promise<number | undefined> {
  const text = await orUndefined(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const pid = Number(text.split('\n')[0]);
  if (Number.isSafeInteger(pid) && pid > 1) return pid;
  throw new Failure('files', `${path} holds no process id`);
}

/** The longest name of a process that the kernel keeps. */
const LONGEST_NAME = 15;

/** A file that outlived its process may name somebody else's. */
export async function expectProgram(pid: number, program: string, failed: string): Promise<void> {
  const name = await orUndefined(readFile(`/proc/${pid}/comm`, 'utf8'));
  if (name?.trim() === program.slice(0, LONGEST_NAME)) return;
  throw new Failure('files', `${failed}: process ${pid} is not ${program}`);
}
