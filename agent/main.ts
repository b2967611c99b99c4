/** Entry of `joinbot`: the real clock, network and signals. */
import './no-debugger.ts';
import './small-heap.ts';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './effects.ts';
import { runJoinbot } from './joinbot.ts';
import { machinePrograms } from './machine-programs.ts';
import { sendByEnvironment, sendDirectly } from './network-http.ts';
import { debuggerWasOpen } from './no-debugger.ts';

// The command line may hold a secret: from here on the list of processes shows the program's name in its place.
process.title = 'joinbot';

/** So long may the agent take to end by itself once it is told to. */
const LAST_WORK_MS = 1500;

const clock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
};

const stop = new AbortController();
let wake = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Once: a second one ends the process at once, as usual.
  process.once(signal, () => {
    stop.abort();
    wake.abort();
    // A lookup or a disk that hangs can't be called off. Whatever is cut off here, sets of files stay whole.
    setTimeout(() => process.kill(process.pid, signal), LAST_WORK_MS).unref();
  });
}
for (const signal of ['SIGHUP', 'SIGUSR1'] as const) {
  process.on(signal, () => {
    wake.abort();
    if (!stop.signal.aborted) wake = new AbortController();
  });
}

/** A log that can't be written (a full disk, a reader that is gone) is lost; the certificates aren't. */
const write = (stream: NodeJS.WriteStream) => {
  stream.on('error', () => undefined);
  return (text: string): void => {
    try {
      stream.write(text);
    } catch {
      // Where it is a file, the stream throws.
    }
  };
};

runJoinbot(process.argv.slice(2), {
  env: process.env,
  clock,
  random: Math.random,
  web: sendByEnvironment(process.env),
  imds: sendDirectly,
  stop: stop.signal,
  nextWake: () => wake.signal,
  programs: machinePrograms,
  stdout: write(process.stdout),
  stderr: write(process.stderr),
  warnings: debuggerWasOpen
    ? ['a port for debuggers was open and is closed now: take --inspect out of NODE_OPTIONS']
    : [],
}).then((code) => process.exit(code));
