/** Whether nobody but root can put other files in the place of those that `sshd` is to trust. */
import { withPlainErrors } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import { openToOthers } from '../safe-directory.ts';

/** Looks at the directory and all above it. Throws a `Failure` that names the one that is open to others. */
export const refuseUnsafeDirectory = (directory: string): Promise<void> =>
  withPlainErrors(directory, async () => {
    const open = await openToOthers(directory);
    if (open === undefined) return;
    const message = `${open}, who could so choose whom sshd trusts: put data_dir where only root may write`;
    throw new Failure('files', message);
  });
