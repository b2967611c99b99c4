/** Once for all tests: builds what some of them run. */
import { build } from '../scripts/build.ts';

export async function setup(): Promise<void> {
  if (!process.env['CI'])
    process.stdout.write('Eleven long test files are left out: CI=true npm test has them, too.\n');
  await build();
}
