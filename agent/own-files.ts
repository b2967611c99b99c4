/**
 * Reading from a directory that somebody else may own. They may put a link in the place of anything in it, at any time, and are
 * not to be handed what only we may read. So what is read is a real directory of our own that stays the one that it was, and
 * real files in it.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { codeOf } from './durable-file.ts';
import { Failure } from './failure.ts';

/** `work` is given a path that leads to the directory, whatever becomes of its name. `undefined` where it is none of our own. */
export async function inOwn<T>(
  path: string,
  work: (path: string) => Promise<T>,
): Promise<T | undefined> {
  const folder = await openUnlinked(path, constants.O_DIRECTORY);
  if (!folder) return undefined;
  try {
    const { uid } = await folder.stat();
    if (uid !== process.geteuid?.()) return undefined;
    // Other systems have no such path: there a link is seen only if it is there already.
    const isLinux = process.platform === 'linux';
    return await work(isLinux ? `/proc/self/fd/${folder.fd}` : path);
  } finally {
    await folder.close();
  }
}

/** The same in what we have just made. Throws a `Failure` that says `otherwise` where somebody has put something else in its place. */
export async function inMade(
  path: string,
  otherwise: string,
  work: (path: string) => Promise<void>,
): Promise<void> {
  const done = await inOwn(path, async (own) => {
    await work(own);
    return true;
  });
  if (!done) throw new Failure('files', `somebody else writes to ${dirname(path)}: ${otherwise}`);
}

export async function readOwn(path: string): Promise<Uint8Array | undefined> {
  const file = await openUnlinked(path);
  return file?.readFile().finally(() => file.close());
}

/** `undefined` where it is a link, or nothing of this kind. */
async function openUnlinked(path: string, kind = 0): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | kind);
  } catch (error) {
    if (['ELOOP', 'ENOTDIR', 'ENOENT'].includes(codeOf(error))) return undefined;
    throw error;
  }
}
