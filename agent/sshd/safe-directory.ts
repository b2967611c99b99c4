/** Whether nobody but root can put other files in the place of those that `sshd` is to trust. */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { withPlainErrors } from '../durable-file.ts';
import { Failure } from '../failure.ts';

const WRITABLE_BY_OTHERS = 0o022;
/** In such a directory everybody may make files, and nobody may move those of others. */
const STICKY = 0o1000;

/** Looks at the directory and all above it. Throws a `Failure` that names the one that is open to others. */
export const refuseUnsafeDirectory = (directory: string): Promise<void> =>
  withPlainErrors(directory, async () => {
    for (let path = await realpath(directory); ; path = dirname(path)) {
      const { uid, mode } = await stat(path);
      if (uid !== 0 && uid !== process.getuid?.())
        throw unsafe(path, 'belongs to somebody else than root');
      if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)
        throw unsafe(path, 'can be written by others than its owner');
      if (path === dirname(path)) return;
    }
  });

const unsafe = (path: string, why: string): Failure =>
  new Failure(
    'files',
    `${path} ${why}, who could so choose whom sshd trusts: put data_dir where only root may write`,
  );
