/** Whether a directory can be written, found out without leaving anything behind. */
import { access, constants, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { orUndefined, withPlainErrors } from './durable-file.ts';
import { makeLink, refuseForeignFiles } from './file-set.ts';

/** More than the files of any identity need. */
const PROBE = Buffer.alloc(64 * 1024);
const PROBE_FILE = '..joinbot-check';
const PROBE_LINK = '..joinbot-check-link';

/** Where it is missing, whether it can be made. Throws a `Failure` that says what is in the way. */
export const checkDirectory = (directory: string, names: readonly string[]): Promise<void> =>
  withPlainErrors(directory, async () => {
    if (!(await orUndefined(stat(directory)))) {
      await access(await nearestThere(dirname(directory)), constants.W_OK | constants.X_OK);
      return;
    }
    await refuseForeignFiles(directory, names);
    const probe = join(directory, PROBE_FILE);
    const link = join(directory, PROBE_LINK);
    try {
      await writeFile(probe, PROBE, { mode: 0o600 });
      await orUndefined(unlink(link));
      await makeLink(PROBE_FILE, link);
    } finally {
      for (const path of [probe, link]) await orUndefined(unlink(path));
    }
  });

/** The directory itself, or the nearest one above it that is there. */
export async function nearestThere(directory: string): Promise<string> {
  for (let path = directory; ; path = dirname(path)) {
    if (path === dirname(path) || (await orUndefined(stat(path)))) return path;
  }
}

/** Whether everybody on the machine may replace what lies in it. */
export async function isOpenToAll(directory: string): Promise<boolean> {
  const entry = await orUndefined(stat(directory)).catch(() => undefined);
  return entry !== undefined && (entry.mode & 0o002) !== 0;
}
