/** `npm run fuzz [inputs] [seed]`: the fuzz tests with a million inputs, or as many as named; a seed repeats a run. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [inputs = '1000000', seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
if (!/^\d{1,9}$/.test(inputs) || !/^\d{1,10}$/.test(seed)) {
  process.stderr.write('Usage: npm run fuzz -- [inputs] [seed]\n');
  process.exit(2);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/fuzz', '--disableConsoleIntercept'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, FUZZ_INPUTS: inputs, FUZZ_SEED: seed } },
);
process.exitCode = status ?? 1;
