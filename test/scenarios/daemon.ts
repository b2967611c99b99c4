/** A program that goes on until it is stopped, and what it says meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Daemon {
  /** All that it said. */
  readonly said: string;
  readonly runs: boolean;
  /** Waits until it says this once more than it had by the last call. Rejects if it ends before. */
  says(text: string): Promise<void>;
  /** Sends a signal that it lives on with. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal, and waits for its end. The exit code; `null` if the signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

export function startDaemon(
  program: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<NodeJS.ProcessEnv> },
): Daemon {
  const child = spawn(program, [...args], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  let heard = 0;
  child.stderr.on('data', (text) => {
    said += text;
  });
  let closed = false;
  const ended = once(child, 'close').then(() => {
    closed = true;
  });
  return {
    get said() {
      return said;
    },
    get runs() {
      return !hasEnded(child);
    },
    async says(text) {
      for (;;) {
        const at = said.indexOf(text, heard);
        if (at >= 0) {
          heard = at + text.length;
          return;
        }
        if (closed) throw new Error(`It ended without saying "${text}": ${said}`);
        await Promise.race([once(child.stderr, 'data'), ended]);
      }
    },
    signal: (signal) => void child.kill(signal),
    async kill(signal) {
      if (!hasEnded(child)) child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;
