/**
 * Who else may read an output: users and groups by access control lists, or everybody with a mode. Each version of the
 * files gets its rights before it becomes the current one, so that readers never meet files which they can't read.
 */
import type { Dirent } from 'node:fs';
import { chmod, chown, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, orUndefined } from './durable-file.ts';
import { Failure } from './failure.ts';
import type { MachinePrograms } from './machine-programs.ts';
import { printable } from './printable.ts';
import type { Output, OutputDirectory, Reader } from './settings.ts';

interface Wanted extends Pick<OutputDirectory, 'readers' | 'mode'> {
  /** Files that nobody else gets to read. */
  readonly ownerOnly?: readonly string[];
}

/** Throws a `Failure` for a user or group that isn't there. Where nobody can say, it shows when the files are written. */
export async function expectReaders(
  outputs: readonly Pick<Output, 'destination'>[],
  programs: MachinePrograms,
): Promise<void> {
  for (const { kind, name } of outputs.flatMap(readersOf)) {
    const table = kind === 'user' ? 'passwd' : 'group';
    const found = await programs.run('getent', [table, name]);
    if (found?.code !== 2) continue;
    throw new Failure(
      'config',
      `readers: there is no ${kind} ${printable(name, 64)} on this machine`,
    );
  }
}

/** Who may read an output, or connect to its socket, beside the agent's own user. */
export const readersOf = ({ destination: to }: Pick<Output, 'destination'>): readonly Reader[] =>
  to.type === 'kubernetes_secret' ? [] : (to.readers ?? []);

/**
 * Lets them read `version`, a directory of files in `directory`: a path that leads to what we have made, whatever becomes of its
 * name. Throws a `Failure` that says what to do.
 */
export async function admitReaders(
  directory: string,
  version: string,
  { readers = [], mode, ownerOnly = [] }: Wanted,
  programs: MachinePrograms,
): Promise<void> {
  if (mode !== undefined) await setModes(directory, version, mode, ownerOnly);
  if (readers.length === 0) return;
  await admitToDirectory(directory, readers, programs);
  const setIn = (args: readonly string[]) => setList(args, directory, programs, version);
  await setIn(['-R', '-m', entriesFor(readers, 'r-X'), '--', '.']);
  for (const name of ownerOnly) {
    if (!(await orUndefined(stat(join(version, name))))) continue;
    await setIn(['-b', '--', name]);
    // The list's mask would show as rights of the group.
    await chmod(join(version, name), 0o600);
  }
}

/** Lets them enter a directory and list it: the names of the files in it are known anyway. */
export async function admitToDirectory(
  directory: string,
  readers: readonly Reader[],
  programs: MachinePrograms,
): Promise<void> {
  if (readers.length === 0) return;
  await setList(['-m', entriesFor(readers, 'r-x'), '--', directory], directory, programs);
}

/** Lets them connect to a socket in a directory. `shown` is the path that it will have, for messages. */
export async function admitToSocket(
  directory: string,
  socket: string,
  shown: string,
  readers: readonly Reader[],
  programs: MachinePrograms,
): Promise<void> {
  if (readers.length === 0) return;
  const args = ['-m', entriesFor(readers, 'rw-'), '--', socket];
  await setList(args, shown, programs, directory);
}

const entriesFor = (readers: readonly Reader[], rights: string): string =>
  readers.map((one) => entryOf(one, rights)).join(',');

const entryOf = ({ kind, name }: Reader, rights: string): string =>
  `${kind === 'user' ? 'u' : 'g'}:${name}:${rights}`;

/** `within` is where names in `args` are looked for. */
async function setList(
  args: readonly string[],
  directory: string,
  programs: MachinePrograms,
  within?: string,
): Promise<void> {
  const done = await programs.run('setfacl', args, within);
  if (done?.code === 0) return;
  const why = done
    ? `setfacl says: ${printable(done.stderr) || `exit code ${done.code}`}`
    : "there is no program setfacl: install the package acl, or use mode with a directory of the readers' group";
  throw new Failure('files', `the readers of ${directory} can't be let in: ${why}`);
}

/** Who may read a file may enter its directories. Their group is that of the directory. */
async function setModes(
  directory: string,
  version: string,
  mode: number,
  ownerOnly: readonly string[],
): Promise<void> {
  const { gid } = await stat(directory);
  const enter = mode | ((mode & 0o444) >> 2);
  const modeOf = (entry: Dirent): number =>
    entry.isDirectory() ? enter : ownerOnly.includes(entry.name) ? 0o600 : mode;
  const entries = await readdir(version, { recursive: true, withFileTypes: true });
  for (const [path, wanted] of [
    ...entries.map((entry) => [join(entry.parentPath, entry.name), modeOf(entry)] as const),
    [version, enter] as const,
  ]) {
    if ((await stat(path)).gid !== gid) await giveToGroup(path, gid, directory);
    await chmod(path, wanted);
  }
  const now = (await stat(directory)).mode & 0o7777;
  if ((now & enter) !== enter) await chmod(directory, now | enter);
}

/** Throws a `Failure` where that is for root to do. `change` is Node's own. */
export async function giveToGroup(
  path: string,
  gid: number,
  directory: string,
  change: typeof chown = chown,
): Promise<void> {
  try {
    await change(path, -1, gid);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') throw error;
    const message = `the files in ${directory} can't be given to its group: make them so from the start (chmod g+s ${directory})`;
    throw new Failure('files', message, { cause: error });
  }
}
