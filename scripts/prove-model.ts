/** `npm run prove:model [histories] [seed]`: the broker against its reference model in 5,000 random histories, or as many as named; a seed repeats a run. */
import { runTests } from './run-tests.ts';

const [histories = '5000', seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
if (!/^[1-9]\d{0,7}$/.test(histories) || !/^\d{1,10}$/.test(seed)) {
  process.stderr.write('Usage: npm run prove:model -- [histories] [seed]\n');
  process.exit(2);
}
process.exitCode = runTests('test/model', { HISTORIES: histories, SEED: seed });
