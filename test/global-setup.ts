/** Once for all tests: builds what some of them run. */
import { build } from '../scripts/build.ts';

export async function setup(): Promise<void> {
  await build();
}
