/** One stack at a time in a folder: a file that holds the process id of the one that runs. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';

/**
 * Takes the file, from a process that is gone too, and answers with a function that gives it back. Throws a sentence while
 * another process has it.
 */
export async function takeRunFile(file: string): Promise<() => Promise<void>> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const holder = await processIn(file);
  if (holder !== undefined && isAlive(holder)) {
    throw new Error(
      `A stack runs here already, as process ${holder}: stop it first (or remove ${file} if that process is none).`,
    );
  }
  await rm(file, { force: true });
  await writeFile(file, `${process.pid}\n`, { mode: 0o600, flag: 'wx' });
  return () => rm(file, { force: true });
}

async function processIn(file: string): Promise<number | undefined> {
  try {
    const id = Number(await readFile(file, 'utf8'));
    return Number.isSafeInteger(id) && id > 0 ? id : undefined;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return isCode(error, 'EPERM');
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
