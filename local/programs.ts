/** Runs programs and keeps what they say. */
import { execFile } from 'node:child_process';

export interface Outcome {
  /** The command as one would type it. */
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ends the program; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end, whatever its exit code; `undefined` if there is no such program. */
export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env = process.env, signal }: RunOptions,
): Promise<Outcome | undefined> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...env }, signal };
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (signal?.aborted) return reject(signal.reason);
      if (error?.code === 'ENOENT') return resolve(undefined);
      if (error && typeof error.code !== 'number' && !error.signal) return reject(error);
      const command = [program, ...args].join(' ');
      resolve({ command, code: child.exitCode ?? 1, stdout, stderr });
    });
  });
}
