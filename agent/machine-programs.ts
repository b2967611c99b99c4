/** Programs of the machine, started without a shell. */
import { execFile } from 'node:child_process';
import process from 'node:process';

export interface ProgramOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MachinePrograms {
  /** Runs a program to its end, or for 30 s, in `directory` if it is named; `undefined` if there is no such program. */
  run(
    program: string,
    args: readonly string[],
    directory?: string,
  ): Promise<ProgramOutcome | undefined>;
  /** Sends a signal. Throws a system error. */
  signal(pid: number, signal: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'): void;
}

const TIMEOUT_MS = 30_000;

export const machinePrograms: MachinePrograms = {
  run: (program, args, cwd) =>
    new Promise((resolve, reject) => {
      const options = {
        timeout: TIMEOUT_MS,
        env: { ...process.env, LC_ALL: 'C' },
        ...(cwd !== undefined && { cwd }),
      };
      const child = execFile(program, [...args], options, (error, stdout, stderr) => {
        if (error?.code === 'ENOENT') return resolve(undefined);
        if (error && typeof error.code !== 'number' && !error.killed) return reject(error);
        resolve({
          code: child.exitCode ?? 1,
          stdout,
          stderr: error?.killed ? 'it took too long' : stderr,
        });
      });
    }),
  signal: (pid, signal) => void process.kill(pid, signal),
};
