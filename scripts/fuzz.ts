/** `npm run fuzz [inputs] [seed]`: the fuzz tests with a million inputs, or as many as named; a seed repeats a run. */
import { runTests } from './run-tests.ts';

const [inputs = '1000000', seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
if (!/^\d{1,9}$/.test(inputs) || !/^\d{1,10}$/.test(seed)) {
  process.stderr.write('Usage: npm run fuzz -- [inputs] [seed]\n');
  process.exit(2);
}
process.exitCode = runTests('test/fuzz', { FUZZ_INPUTS: inputs, FUZZ_SEED: seed });
