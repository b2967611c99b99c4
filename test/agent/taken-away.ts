/** Somebody else, who has a directory that the agent works in. As root. */
import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

/** Makes what is in the directory first theirs, as soon as it is there. */
export async function takeAway(directory: string): Promise<void> {
  for (;;) {
    await setImmediate();
    const [name] = readdirSync(directory);
    if (name !== undefined) return chownSync(join(directory, name), 65_534, 65_534);
  }
}
