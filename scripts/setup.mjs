// Runs a command of the project on the Node.js that package.json pins, whatever Node.js `npm` itself runs on (20 or newer).
// Installs the packages first if they are missing or older than package-lock.json.
// Usage: node scripts/setup.mjs <command> [arguments]
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install, isInstalled } from './installation.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = join(root, 'node_modules', 'node', 'bin', 'node');

/** What each command runs, one after the other; the arguments go to the last one. */
const COMMANDS = {
  build: [['scripts/build.ts']],
  demo: [['local/demo.ts']],
  start: [['local/start.ts']],
  test: [['node_modules/vitest/vitest.mjs', 'run']],
  package: [['scripts/package.ts']],
  probe: [['scripts/probe.ts']],
  'prove:api': [['local/prove-api.ts']],
  'prove:kill': [['scripts/prove-kill.ts']],
  'prove:memory': [['scripts/prove-memory.ts']],
  'prove:model': [['scripts/prove-model.ts']],
  'prove:renewals': [['local/prove-renewals.ts']],
  'prove:rotation': [['local/prove-rotation.ts']],
  'prove:rotation-live': [['local/prove-rotation-live.ts']],
  fuzz: [['scripts/fuzz.ts']],
  mutate: [['test/mutation/mutate.ts']],
  lint: [['node_modules/@biomejs/biome/bin/biome', 'check', '.']],
  typecheck: [['node_modules/typescript/bin/tsc', '-p', '.']],
  knip: [['node_modules/knip/bin/knip.js']],
  arrows: [['scripts/check-arrows.ts']],
  bench: [['bench/join.ts']],
  'bench:cold-start': [['bench/cold-start.ts']],
  'bench:join-log': [['bench/join-log.ts']],
  'bench:stranger': [['bench/stranger.ts']],
  'bench:revocation': [['bench/revocation.ts']],
  joinctl: [['dist/joinctl.cjs']],
  joinbot: [['dist/joinbot.cjs']],
};
COMMANDS.check = [...COMMANDS.lint, ...COMMANDS.typecheck, ...COMMANDS.knip, ...COMMANDS.arrows];

const [name = '', ...rest] = process.argv.slice(2);
const commands = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (!commands) fail(`Expected one of ${Object.keys(COMMANDS).join(', ')}; got "${name}".`, 2);

if (!isInstalled(root)) await install(root).catch((error) => fail(error.message, 1));
if (!existsSync(node)) {
  fail(
    'node_modules/node/bin/node is missing: npm did not run the install scripts (is ignore-scripts set?). ' +
      'Run "npm ci --ignore-scripts=false" and try again.',
    1,
  );
}

if (commands.some(([file]) => file.startsWith('dist/') && !existsSync(join(root, file)))) {
  await runOrExit(['scripts/build.ts']);
}
for (const [position, command] of commands.entries()) {
  await runOrExit(position === commands.length - 1 ? [...command, ...rest] : command);
}

/** Runs a program on the pinned Node.js, and ends this process the way the program ended unless it succeeded. */
async function runOrExit([file, ...args]) {
  const isOwn = !file.startsWith('node_modules/');
  const child = spawn(node, [join(root, file), ...args], {
    stdio: 'inherit',
    // The project's own programs work in whatever folder they are called from.
    cwd: isOwn ? (process.env.INIT_CWD ?? process.cwd()) : root,
  });
  const stop = passSignalsTo(child);
  const { code, signal } = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  stop();
  if (signal) process.exit(128 + constants.signals[signal]);
  if (code !== 0) process.exit(code);
}

/** On a terminal Ctrl-C reaches the child by itself; everything else is passed on. */
function passSignalsTo(child) {
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
    const handler = () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const remove of handlers) remove();
  };
}

function fail(message, code) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
