/** Files that people write, as text. Each function throws a `Failure` that names the file. */
import { readFileSync } from 'node:fs';
import { decodeUtf8 } from '../shared/encoding/utf8.ts';
import { type ReadConfig, readConfig } from './config-file.ts';
import { codeOf } from './durable-file.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

export function readConfigAt(path: string): ReadConfig {
  const text = readText(path);
  if (text !== undefined) return readConfig(text, path);
  throw new Failure('config', `${printable(path)}: there is no such file`);
}

/** `undefined` where there is no such file. */
export function readText(path: string): string | undefined {
  const bytes = readIfThere(path);
  if (bytes === undefined) return undefined;
  const decoded = decodeUtf8(bytes);
  if (decoded.ok) return decoded.text;
  throw new Failure('config', `${printable(path)}: ${decoded.message}`);
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined;
    throw new Failure('config', `${printable(path)}: it can't be read (${code})`, { cause: error });
  }
}
