/**
 * `npm run fuzz [inputs] [seed]`: the fuzz tests with a million inputs, or as many as named; a seed repeats a run. A line
 * every half minute says how far it is. Ends with 0 without a finding, with 1 after one or more, and with 2 where the
 * arguments are wrong.
 */
import { runTests } from './run-tests.ts';

/** A process that needs more ends, and that is a finding. */
const MOST_HEAP_MEGABYTES = 1024;

const [inputs = '1000000', seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
if (!/^[1-9]\d{0,8}$/.test(inputs) || !/^\d{1,10}$/.test(seed)) {
  process.stderr.write('Usage: npm run fuzz -- [inputs] [seed]\n');
  process.exit(2);
}
process.exitCode = runTests('test/fuzz/fuzz.test.ts', {
  FUZZ_INPUTS: inputs,
  FUZZ_SEED: seed,
  NODE_OPTIONS:
    `${process.env['NODE_OPTIONS'] ?? ''} --max-old-space-size=${MOST_HEAP_MEGABYTES}`.trim(),
});
