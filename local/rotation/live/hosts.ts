/** Function instances that share nothing but storage: processes that are killed and started again. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HostOrder, HostWord } from './host-process.ts';

const APP = fileURLToPath(new URL('../../..', import.meta.url));
const SCRIPT = fileURLToPath(new URL('host-process.ts', import.meta.url));

export interface Host {
  readonly url: string;
  setTime(at: Date): void;
  /** Runs the timer; `false` if the process died in the middle of it. */
  runTimer(name: string): Promise<boolean>;
  /** SIGKILL: nothing of it lives on. */
  kill(): Promise<void>;
}

/** Starts one at this time, with a clock that differs by so many milliseconds. */
export async function startHost(
  settings: Readonly<Record<string, string>>,
  at: Date,
  skewMs: number,
): Promise<Host> {
  const child = fork(SCRIPT, [APP, String(at.getTime()), String(skewMs)], {
    env: { ...settings },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const [word] = (await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => {
      throw new Error(`a host process ended as it started, with exit code ${code}`);
    }),
  ])) as [HostWord];
  if (!('url' in word)) throw new Error('a host process did not say where it listens');
  const tell = (order: HostOrder): void => void (child.connected && child.send(order));
  return {
    url: word.url,
    setTime: (now) => tell({ at: now.getTime() }),
    async runTimer(name) {
      const ran = answerOf(child, name).then(() => true);
      tell({ timer: name });
      return Promise.race([ran, ended.then(() => false)]);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answerOf(child: ChildProcess, name: string): Promise<void> {
  while (child.connected) {
    const [word] = (await once(child, 'message')) as [HostWord];
    if ('ran' in word && word.ran === name) return;
  }
}
