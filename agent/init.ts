/**
 * `joinbot init`, as tbot has it: makes the directory of an output for the user that the agent runs as, and lets readers
 * into it. For root; the agent itself then needs no right to more than its own directories.
 */
import { chmod, lchown, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { nearestThere } from './check-directory.ts';
import type { InitFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import { orUndefined, withPlainErrors } from './durable-file.ts';
import { Failure } from './failure.ts';
import type { MachinePrograms } from './machine-programs.ts';
import { printable } from './printable.ts';
import { admitToDirectory, expectReaders } from './readers.ts';
import { refuseOpenToOthers } from './safe-directory.ts';
import type { OutputDirectory, Reader } from './settings.ts';
import { destinationsIn, directoryOf } from './start-outputs.ts';

/** Whom the install script makes. */
const BOT_USER = 'joinbot';

interface SetUp {
  readonly destination: OutputDirectory;
  readonly botUser: string;
}

/** By the config file those of outputs with readers, or the one that the flags name. Throws a `Failure`. */
export function directoriesToSetUp(
  { destinationDir, readerUser, botUser = BOT_USER }: InitFlags,
  file: ReadConfig | undefined,
): SetUp[] {
  const written = destinationsIn(file?.value)
    .filter((one) => one.type === 'directory')
    .map(directoryOf);
  const path = destinationDir === undefined ? undefined : resolve(destinationDir);
  const readers: Reader[] =
    readerUser === undefined ? [] : [{ kind: 'user', name: userOf(readerUser) }];
  const wanted: OutputDirectory[] =
    path === undefined
      ? written.filter((one) => one.readers)
      : [{ type: 'directory', path, ...(readers.length > 0 && { readers }) }];
  const [first] = wanted;
  if (!first) {
    const message =
      'expected --destination-dir and --reader-user, or a config file (-c) with an output that has readers';
    throw new Failure('usage', message);
  }
  return wanted.map((destination) => ({ destination, botUser: userOf(botUser) }));
}

/** Names become part of an access control list. */
function userOf(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(text)) return text;
  throw new Failure('usage', `expected the name of a user, got ${printable(text, 80)}`);
}

/** Does nothing twice: a directory that is there already keeps what is in it. Throws a `Failure`. */
export async function setUpDirectory(
  { destination, botUser }: SetUp,
  programs: MachinePrograms,
): Promise<void> {
  const { path } = destination;
  const owner = await accountOf(botUser, programs);
  await expectReaders([{ destination }], programs);
  await withPlainErrors(path, async () => {
    const danger = `who could put something else in the place of ${path}: choose a directory where only root may write`;
    await refuseOpenToOthers(await nearestThere(dirname(path)), danger);
    const before = await orUndefined(lstat(path));
    if (before && !(before.isDirectory() && (before.uid === 0 || before.uid === owner.uid))) {
      const message = `${path} is there already, and is no directory of root or ${botUser}: choose another one`;
      throw new Failure('files', message);
    }
    // What somebody else uses is not given away.
    if (before && before.uid !== owner.uid && (await readdir(path)).length > 0) {
      const message = `${path} is there already, with files in it, and isn't ${botUser}'s: empty it, or choose another directory`;
      throw new Failure('files', message);
    }
    await mkdir(path, { recursive: true, mode: 0o755 });
    await lchown(path, owner.uid, owner.gid);
    if (!before) await chmod(path, 0o700);
  });
  await admitToDirectory(path, destination.readers ?? [], programs);
}

async function accountOf(
  user: string,
  programs: MachinePrograms,
): Promise<{ readonly uid: number; readonly gid: number }> {
  const found = await programs.run('getent', ['passwd', user]);
  const [, , uid, gid] = found?.stdout.split(':') ?? [];
  if (found?.code === 0 && uid !== undefined && gid !== undefined)
    return { uid: Number(uid), gid: Number(gid) };
  throw new Failure(
    'config',
    `--bot-user: there is no user ${printable(user, 64)} on this machine`,
  );
}

/** What was done, and what the agent's config needs. */
export function describeSetUp({ destination: { path, readers = [] }, botUser }: SetUp): string {
  const listed = readers.map(({ kind, name }) => `{${kind}: ${name}}`).join(', ');
  const place = `destination: {type: directory, path: ${path}${listed === '' ? '' : `, readers: [${listed}]`}}`;
  return `${path} belongs to ${botUser}${listed === '' ? '' : `; ${readers.map(({ name }) => name).join(', ')} may enter`}. In the config file of joinbot:\n  ${place}\nThe unit has to let the agent write there: ReadWritePaths=${path}\n${dirname(path) === '/' ? '' : `Whoever reads must be able to enter ${dirname(path)}, too.\n`}`;
}
