/** A machine with a secret: a storage directory, and the built agent, run once at a time and killed when that is wanted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const AGENT = fileURLToPath(new URL('../../dist/joinbot.cjs', import.meta.url));

export interface Run {
  readonly killed: boolean;
  readonly code: number | null;
  readonly stderr: string;
}

/** What a test may do to a running agent. */
export interface Running {
  /** SIGKILL: nothing of it lives on. */
  kill(): void;
  /** Kills it as soon as a name that fits appears in its storage directory, and `ms` later. */
  killOnFile(name: RegExp, ms: number): void;
}

export interface Machine {
  readonly storage: string;
  /** The agent's command line, but for the storage directory. */
  readonly args: readonly string[];
  /** Runs the agent once. */
  run(meanwhile?: (running: Running) => void): Promise<Run>;
}

export async function createMachine(
  folder: string,
  name: string,
  broker: string,
  secret: string,
): Promise<Machine> {
  const storage = join(folder, name);
  const file = join(folder, `${name}.secret`);
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  return machineAt(storage, [
    'start',
    '--oneshot',
    '--join-method=token',
    `--token=file:${file}`,
    `--auth-server=${broker}`,
  ]);
}

/** Whoever has this storage directory: a machine, or a copy of it. */
export function machineAt(storage: string, args: readonly string[]): Machine {
  mkdirSync(storage, { recursive: true, mode: 0o700 });
  return {
    storage,
    args,
    async run(meanwhile) {
      const child = spawn(process.execPath, [AGENT, ...args, `--data-dir=${storage}`], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (text) => {
        stderr += text;
      });
      const closers: (() => void)[] = [];
      meanwhile?.(runningOf(child, storage, closers));
      const [code, signal] = await once(child, 'close');
      for (const close of closers) close();
      return { killed: signal === 'SIGKILL', code, stderr };
    },
  };
}

function runningOf(child: ChildProcess, storage: string, closers: (() => void)[]): Running {
  const kill = (): void => void child.kill('SIGKILL');
  const later = (ms: number): void => {
    const timer = setTimeout(kill, ms);
    closers.push(() => clearTimeout(timer));
  };
  return {
    kill,
    killOnFile(name, ms) {
      const watcher: FSWatcher = watch(storage, (_, changed) => {
        if (changed !== null && name.test(changed)) later(ms);
      });
      closers.push(() => watcher.close());
    },
  };
}
