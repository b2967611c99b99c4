/** Entry of `joinbot`: the real clock, network and signals. */
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { sendDirectly } from './direct-http.ts';
import type { Clock } from './effects.ts';
import { runJoinbot } from './joinbot.ts';
import { machinePrograms } from './machine-programs.ts';

// The command line may hold a secret: from here on the list of processes shows the program's name in its place.
process.title = 'joinbot';

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
  });
}
process.on('SIGHUP', () => {
  wake.abort();
  wake = new AbortController();
});

const write = (stream: NodeJS.WriteStream) => (text: string) => void stream.write(text);

runJoinbot(process.argv.slice(2), {
  env: process.env,
  clock,
  random: Math.random,
  web: sendDirectly,
  imds: sendDirectly,
  stop: stop.signal,
  nextWake: () => wake.signal,
  programs: machinePrograms,
  stdout: write(process.stdout),
  stderr: write(process.stderr),
}).then((code) => {
  process.exitCode = code;
});
