/** Files that are on the disk when a call returns, and what the file system says, in plain words. */
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from './failure.ts';

/** Replaces one file as a whole: a crash at any point leaves either the old one or the new one. */
export async function writeDurably(
  directory: string,
  name: string,
  text: string,
  mode = 0o600,
): Promise<void> {
  const next = join(directory, `${name}.new`);
  // A leftover is not written into: it could be a link, or be open to somebody else.
  await rm(next, { force: true });
  await writeSynced(next, text, mode);
  await rename(next, join(directory, name));
  await syncDirectory(directory);
}

/** Refuses a file that is there already. */
export async function writeSynced(
  path: string,
  contents: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes sure of the names in a directory: what was renamed or removed stays so. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

/** What the promise gives, or `undefined` where there is no such file, or it is no link. */
export async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** Node's code of a system error, such as `ENOENT`; empty for any other error. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** A failure for an error of the file system, wherever it comes from; anything else as it is. */
export function plainError(error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof Failure || !/^E[A-Z0-9]+$/.test(code) || !(error instanceof Error))
    return error;
  const { path } = error as NodeJS.ErrnoException;
  const message = `${path ?? 'a file'} can't be used: ${IN_WORDS[code] ?? code}`;
  return new Failure('files', message, { cause: error });
}

const IN_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: give the directory to the user that joinbot runs as',
  EPERM: 'permission denied: give the directory to the user that joinbot runs as',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'links lead around in a circle',
  EIO: 'the disk fails',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a directory',
  ENOENT: 'it was removed meanwhile, or another joinbot writes to it',
  EEXIST: 'something else is there, or another joinbot writes to it',
};

/** What an error of the file system means, in words. */
export const sayFileError = (error: unknown): string => {
  const code = codeOf(error);
  return IN_WORDS[code] ?? (code || String(error));
};

/** Turns system errors of some work in a directory into a `Failure` that names it. */
export async function withPlainErrors<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof Failure || code === '') throw error;
    const message = `the directory ${directory} can't be used: ${IN_WORDS[code] ?? code}`;
    throw new Failure('files', message, { cause: error });
  }
}
