/** Programs of the system that some tests need: `test.skipIf(!hasProgram('openssl'))(...)`. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where the system keeps what only its administrator needs, such as sshd. */
const MORE_FOLDERS = ['/usr/sbin', '/sbin'];

/** The path of a program, for the few (sshd) that must be started by it; `undefined` where there is none. */
export function programPath(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...MORE_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Whether a program is installed. Where the tests must all run (`CI`), a missing one is an error. */
export function hasProgram(name: string): boolean {
  const found = programPath(name) !== undefined;
  if (!found && process.env['CI']) throw new Error(`${name} is not installed, but tests need it.`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
