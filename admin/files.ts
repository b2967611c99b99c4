/** Reads text files; what goes wrong is said in a sentence. */
import { readFile } from 'node:fs/promises';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
};

/** The file's text; a `Failure` where it can't be read. */
export async function readText(file: string): Promise<string> {
  const text = await readIfThere(file);
  if (text === undefined) throw unreadable(file, 'ENOENT');
  return text;
}

/** The file's text, `undefined` where there is no such file. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(file, code);
  }
}

const unreadable = (file: string, code: string): Failure =>
  new Failure(`Can't read ${printable(file)}: ${REASONS[code] ?? printable(code)}.`);
