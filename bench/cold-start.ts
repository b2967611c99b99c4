/**
 * Cold start: from the start of a process until the function app has registered its functions, and until it has answered
 * its first join, above a bare `node` that does the same without the app, each with and without Application Insights; and
 * the bytes that are deployed.
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

/** What a broker needs to be composed; nobody is asked at these addresses. */
const SETTINGS = {
  JOIN_BROKER_CLUSTER_NAME: 'bench.example.org',
  JOIN_BROKER_OPERATORS_TENANT: '00000000-0000-4000-8000-000000000001',
  JOIN_BROKER_OPERATORS_CLIENT_ID: '00000000-0000-4000-8000-0000000000aa',
  JOIN_BROKER_TABLES_URL: 'https://bench.table.core.windows.net',
  JOIN_BROKER_KEY_VAULT_URL: 'https://bench.vault.azure.net',
};
const INSIGHTS = {
  APPLICATIONINSIGHTS_CONNECTION_STRING:
    'InstrumentationKey=00000000-0000-4000-8000-000000000002;IngestionEndpoint=http://127.0.0.1:9/',
};

const bare: number[] = [];
const registered: number[] = [];
const registeredWithInsights: number[] = [];
// By turns, so that whatever else the machine does hits all alike.
for (let run = 0; run < RUNS; run += 1) {
  bare.push(millisecondsOf(`${WORKER} process.exit(0);`, SETTINGS));
  registered.push(millisecondsOf(`${WORKER} ${LOAD} process.exit(0);`, SETTINGS));
  registeredWithInsights.push(
    millisecondsOf(`${WORKER} ${LOAD} process.exit(0);`, { ...SETTINGS, ...INSIGHTS }),
  );
}

const [joined = [], joinedWithInsights = []] = await measureFirstJoin(RUNS, [{}, INSIGHTS]);

const print = (label: string, value: string): void => {
  process.stdout.write(`${label.padEnd(54)} ${value.padStart(12)}\n`);
};
const printTimes = (label: string, times: readonly number[]): void => {
  const time = median(times);
  const above = time - median(bare);
  print(label, `${time.toFixed(1)} ms`);
  if (times !== bare) print('  above bare node', `${above.toFixed(1)} ms`);
};
printTimes(`bare node (median of ${RUNS})`, bare);
printTimes('functions registered', registered);
printTimes('functions registered, with Application Insights', registeredWithInsights);
printTimes('first join answered, in our host', joined);
printTimes('first join answered, with Application Insights', joinedWithInsights);
for (const { path, bytes } of files) {
  if (path.startsWith('dist/functions/')) print(path, `${(bytes / 1024).toFixed(1)} KB`);
}

function millisecondsOf(script: string, env: Readonly<Record<string, string>>): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env,
  });
  if (status !== 0) throw new Error(`The app does not load: ${stderr}`);
  return performance.now() - started;
}
