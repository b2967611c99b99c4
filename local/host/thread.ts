/** The thread in which one function app lives, with modules and environment of its own. Started by functions-host.ts. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import type { Log } from './core-api.ts';
import { createFrontEnd } from './front-end.ts';
import { type FunctionApp, loadFunctionApp, type TimerFunction } from './function-app.ts';
import { startTimers, timerInput } from './timers.ts';

export interface ThreadData {
  readonly folder: string;
  readonly timers: boolean;
}

/** What the thread can be asked to do. */
export interface Calls {
  listen(port: number): Promise<string>;
  runTimer(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface CallMessage {
  readonly id: number;
  readonly call: keyof Calls;
  readonly argument: unknown;
}

export interface AnswerMessage {
  readonly id: number;
  readonly value?: unknown;
  readonly failure?: string;
}

/** Azure's own default. */
const BODY_LIMIT = 210_000_000;
/** How long requests that are under way may take when the host closes. */
const CLOSE_WITHIN_MS = 5000;

const { folder, timers } = workerData as ThreadData;
const log: Log = (level, category, message) => {
  // Of the library's own chatter only what is wrong is of interest.
  if (category === 'user' || level === 'warning' || level === 'error' || level === 'critical') {
    process.stdout.write(`${message}\n`);
  }
};

const app = await loadFunctionApp(folder, log);
const calls = callsOf(app);
parentPort?.on('message', async ({ id, call, argument }: CallMessage) => {
  const answer = await (calls[call] as (argument: unknown) => Promise<unknown>)(argument).then(
    (value): AnswerMessage => ({ id, value }),
    (error: unknown): AnswerMessage => ({ id, failure: textOf(error) }),
  );
  parentPort?.postMessage(answer);
  if (call === 'close') parentPort?.close();
});
parentPort?.postMessage(app.functions);

function callsOf(app: FunctionApp): Calls {
  const bodyLimit = Number(process.env['FUNCTIONS_REQUEST_BODY_SIZE_LIMIT'] ?? BODY_LIMIT);
  const server = createFrontEnd(app, { bodyLimit, log });
  const stopTimers = timers
    ? startTimers(app, (name, error) => log('error', 'system', `${name}: ${textOf(error)}`))
    : () => {};
  return {
    listen: async (port) => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    runTimer: async (name) => {
      const timer = app.functions.find(
        (fn): fn is TimerFunction => fn.trigger === 'timer' && fn.name === name,
      );
      if (!timer) throw new Error(`There is no timer function "${name}".`);
      await app.invoke(name, timerInput(timer, new Date()));
    },
    close: async () => {
      stopTimers();
      if (server.listening) {
        const closed = once(server, 'close');
        server.close();
        server.closeIdleConnections();
        const deadline = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
        await closed;
        clearTimeout(deadline);
      }
      await app.terminate();
      // What was logged last is on its way when this comes back.
      await new Promise((resolve) => process.stdout.write('', resolve));
    },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
