/** Whether nobody but root, and whoever runs this, can put something else in the place of a directory. */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { withPlainErrors } from './durable-file.ts';
import { Failure } from './failure.ts';

const WRITABLE_BY_OTHERS = 0o022;
/** In such a directory everybody may make files, and nobody may move those of others. */
const STICKY = 0o1000;

/** Looks at the directory (or file) and all above it. Says which one is open to others, and why; `undefined` if none is. */
async function openToOthers(place: string, own: number | undefined): Promise<string | undefined> {
  for (let path = await realpath(place); ; path = dirname(path)) {
    const { uid, mode } = await stat(path);
    if (uid !== 0 && uid !== own) return `${path} belongs to somebody else than root`;
    if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)
      return `${path} can be written by others than its owner`;
    if (path === dirname(path)) return undefined;
  }
}

/**
 * Throws a `Failure` that names what is open to others, and says what they could do (`danger`: "who could ..."). `own` is the
 * user that runs this.
 */
export const refuseOpenToOthers = (
  place: string,
  danger: string,
  own = process.getuid?.(),
): Promise<void> =>
  withPlainErrors(place, async () => {
    const open = await openToOthers(place, own);
    if (open !== undefined) throw new Failure('files', `${open}, ${danger}`);
  });
