/**
 * Cold start: from the start of a process until the function app has registered its functions, and until it has answered
 * its first join, above a bare `node` that does the same without the app; and the bytes that are deployed.
 * Usage: npm run bench:cold-start [runs]
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from '../scripts/build.ts';
import { measureFirstJoin } from './first-join.ts';
import { median } from './median.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RUNS = Number(process.argv[2] ?? 21);

const files = await build();
const main = join(ROOT, 'dist/functions/main.cjs');

/** The worker that Azure has running already when it loads an app, as far as loading needs it. */
const WORKER = `
const functions = [];
globalThis.core = {
  version: '', log() {}, setProgrammingModel() {}, registerHook() {},
  registerFunction({ name }) { functions.push(name); },
};
require('node:module').registerHooks({
  resolve: (name, context, next) =>
    name === '@azure/functions-core' ? { url: 'core:', shortCircuit: true } : next(name, context),
  load: (url, context, next) =>
    url === 'core:'
      ? { format: 'commonjs', source: 'module.exports = core', shortCircuit: true }
      : next(url, context),
});`;
const LOAD = `require(${JSON.stringify(main)});
if (functions.length === 0) throw new Error('no function is registered');`;

const bare: number[] = [];
const registered: number[] = [];
// By turns, so that whatever else the machine does hits both alike.
for (let run = 0; run < RUNS; run += 1) {
  bare.push(millisecondsOf(`${WORKER} process.exit(0);`));
  registered.push(millisecondsOf(`${WORKER} ${LOAD} process.exit(0);`));
}

const joined = await measureFirstJoin(RUNS);

const print = (label: string, value: string): void => {
  process.stdout.write(`${label.padEnd(48)} ${value.padStart(12)}\n`);
};
const printTimes = (label: string, times: readonly number[]): void => {
  const time = median(times);
  const above = time - median(bare);
  print(label, `${time.toFixed(1)} ms`);
  if (times !== bare) print('  above bare node', `${above.toFixed(1)} ms`);
};
printTimes(`bare node (median of ${RUNS})`, bare);
printTimes('functions registered', registered);
printTimes('first join answered, in our host', joined);
for (const { path, bytes } of files) {
  if (path.startsWith('dist/functions/')) print(path, `${(bytes / 1024).toFixed(1)} KB`);
}

function millisecondsOf(script: string): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The app does not load: ${stderr}`);
  return performance.now() - started;
}
