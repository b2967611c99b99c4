/**
 * A small Functions host: runs a built function app as Azure does, with the real `@azure/functions` inside it. Each app
 * lives in a thread of its own, so that several of them share nothing.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { AppFunction } from './host/function-app.ts';
import type { AnswerMessage, Calls, ThreadData } from './host/thread.ts';

export interface FunctionsHostOptions {
  /** The app's whole environment (its settings); nothing of this process's own reaches it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes each line that the app logs. Without it they go where this process's output goes. */
  readonly log?: (line: string) => void;
  /** Fires the timers at their times; otherwise only `runTimer` does. */
  readonly timers?: boolean;
}

export interface FunctionsHost {
  readonly functions: readonly AppFunction[];
  /** Serves the HTTP functions on 127.0.0.1 and answers with the base URL. Port 0, the default, takes a free one. */
  listen(port?: number): Promise<string>;
  /** Runs a timer function now. Rejects with what it throws. */
  runTimer(name: string): Promise<void>;
  /** Lets requests that are under way end, runs the app's own end, and stops the thread. */
  close(): Promise<void>;
}

/** Loads the app in `folder` (package.json with `main`, host.json). Rejects with the reason if it can't be loaded. */
export async function createFunctionsHost(
  folder: string,
  { env = {}, log, timers = false }: FunctionsHostOptions = {},
): Promise<FunctionsHost> {
  const workerData: ThreadData = { folder, timers };
  const thread = new Worker(new URL('./host/thread.ts', import.meta.url), {
    workerData,
    env: { ...env },
    execArgv: [],
    stdout: log !== undefined,
    stderr: log !== undefined,
  });
  const logged = log ? [thread.stdout, thread.stderr].map((stream) => eachLine(stream, log)) : [];
  const functions = await loaded(thread, folder);
  const { call, isAlive } = callsTo(thread);
  thread.on('error', (error) => {
    const line = `The function app crashed: ${(error as Error).stack ?? error}`;
    if (log) log(line);
    else process.stderr.write(`${line}\n`);
  });
  return {
    functions,
    listen: (port = 0) => call('listen', port),
    runTimer: (name) => call('runTimer', name),
    close: async () => {
      try {
        if (isAlive()) await call('close', undefined);
      } finally {
        await thread.terminate();
        await Promise.all(logged);
      }
    },
  };
}

async function eachLine(stream: Readable, log: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) log(line);
}

async function loaded(thread: Worker, folder: string): Promise<readonly AppFunction[]> {
  const ended = once(thread, 'exit').then(([code]) => {
    throw new Error(`it ended itself, with exit code ${code}`);
  });
  try {
    const [functions] = await Promise.race([once(thread, 'message'), ended]);
    // From here on it may end.
    ended.catch(() => {});
    return functions;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The function app in ${folder} can't be loaded: ${reason}`, { cause: error });
  }
}

/** Calls into the thread. Once the thread has died, every call says what of. */
function callsTo(thread: Worker) {
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;
  let dead: Error | undefined;
  const end = (error: Error): void => {
    dead ??= error;
    for (const { reject } of pending.values()) reject(dead);
    pending.clear();
  };
  thread.on('error', (error) => end(error as Error));
  thread.on('exit', () => end(new Error('The function app has ended.')));
  thread.on('message', ({ id, value, failure }: AnswerMessage) => {
    const call = pending.get(id);
    pending.delete(id);
    if (failure === undefined) call?.resolve(value);
    else call?.reject(new Error(failure));
  });
  const call = async <Name extends keyof Calls>(
    name: Name,
    argument: Parameters<Calls[Name]>[0],
  ): Promise<Awaited<ReturnType<Calls[Name]>>> => {
    if (dead) throw dead;
    const answered = Promise.withResolvers<unknown>();
    calls += 1;
    pending.set(calls, answered);
    thread.postMessage({ id: calls, call: name, argument });
    return answered.promise as Promise<Awaited<ReturnType<Calls[Name]>>>;
  };
  return { call, isAlive: () => dead === undefined };
}
