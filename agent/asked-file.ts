/** A file that somebody asked for on the command line: what is there already isn't theirs to lose by mistake. */
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { orUndefined, withPlainErrors, writeDurably } from './durable-file.ts';
import { Failure } from './failure.ts';

interface Asked {
  /** Whether it may replace a file that differs. */
  readonly force: boolean;
  /** What else can be done about such a file. */
  readonly otherwise: string;
  readonly mode?: number;
}

/** Gives whether anything was written. Throws a `Failure`; then nothing is changed. */
export const writeAskedFile = (
  path: string,
  text: string,
  { force, otherwise, mode = 0o644 }: Asked,
): Promise<boolean> =>
  withPlainErrors(dirname(path), async () => {
    const before = await orUndefined(readFile(path, 'utf8'));
    if (before === text) return false;
    if (before !== undefined && !force)
      throw new Failure('files', `${path} is there already and differs: ${otherwise}`);
    await writeDurably(dirname(path), basename(path), text, mode);
    return true;
  });
