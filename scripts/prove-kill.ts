/** `npm run prove:kill [kills]`: the agent killed while it writes, 200 times or as often as is said. */
import { runTests } from './run-tests.ts';

const [kills = '200'] = process.argv.slice(2);
if (!/^[1-9]\d{0,5}$/.test(kills)) {
  process.stderr.write('Usage: npm run prove:kill -- [kills]\n');
  process.exit(2);
}
process.exitCode = runTests('test/endurance/kill.test.ts', { KILLS: kills });
