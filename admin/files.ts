/** Reads files; what goes wrong is said in a sentence. */
import { readFile } from 'node:fs/promises';
import { decodeUtf8 } from '../shared/encoding/utf8.ts';
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
    return textOf(await readFile(file), file);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(file, code);
  }
}

/** The file's bytes; a `Failure` where it can't be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw unreadable(
      file,
      error instanceof Error && 'code' in error ? String(error.code) : String(error),
    );
  }
}

/** Bytes as text; `name` is for messages only. A `Failure` where they are not UTF-8. */
export function textOf(bytes: Uint8Array, name: string): string {
  const decoded = decodeUtf8(bytes);
  if (decoded.ok) return decoded.text;
  throw new Failure(`Can't read ${printable(name)}: ${decoded.message}.`);
}

const unreadable = (file: string, code: string): Failure =>
  new Failure(`Can't read ${printable(file)}: ${REASONS[code] ?? printable(code)}.`);
