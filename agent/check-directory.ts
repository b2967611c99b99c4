/** Whether a directory can be written, found out without leaving anything behind. */
import { access, constants, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { orUndefined, withPlainErrors } from './durable-file.ts';
import { makeLink, refuseForeignFiles } from './file-set.ts';
import type { AgentSettings, Output } from './settings.ts';

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
  let path = directory;
  // The root is there.
  while (!(await orUndefined(stat(path)))) path = dirname(path);
  return path;
}

const WRITABLE_BY_ALL = 0o002;
/** In such a directory nobody may move the files of others. */
const STICKY = 0o1000;

/** The directories where everybody on the machine may replace what the agent puts there. */
export async function openPlaces({ storage, outputs }: AgentSettings): Promise<string[]> {
  const places = [storage, ...outputs.map(({ destination }) => destination)];
  const open = await Promise.all(places.map(openPlace));
  return open.filter((path) => path !== undefined);
}

/** The directory that a place is in, where it is such a one. */
async function openPlace(
  place: AgentSettings['storage'] | Output['destination'],
): Promise<string | undefined> {
  if (place.type === 'directory')
    return ((await modeOf(place.path)) & WRITABLE_BY_ALL) === 0 ? undefined : place.path;
  if (place.type !== 'workload_api') return undefined;
  const directory = dirname(place.path);
  const open = (await modeOf(directory)) & (WRITABLE_BY_ALL | STICKY);
  return open === WRITABLE_BY_ALL ? directory : undefined;
}

/** 0 where there is none. */
async function modeOf(directory: string): Promise<number> {
  const entry = await orUndefined(stat(directory)).catch(() => undefined);
  return entry?.mode ?? 0;
}
