/** `npm run prove:memory [renewals]`: the memory of an agent over 10,000 renewals, or as many as are said. */
import { runTests } from './run-tests.ts';

const [renewals = '10000'] = process.argv.slice(2);
if (!/^[1-9]\d{0,6}$/.test(renewals)) {
  process.stderr.write('Usage: npm run prove:memory -- [renewals]\n');
  process.exit(2);
}
process.exitCode = runTests('test/endurance/memory.test.ts', { RENEWALS: renewals });
