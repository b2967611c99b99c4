/**
 * A set of files that changes as one, in the way of kubelet's atomic writer: every version is a directory of its own,
 * one link says which is current, and the visible names are links through it. Renaming that one link changes all
 * files at once, and a crash at any point leaves either the old set or the new one.
 *
 *     key      -> ..data/key
 *     tlscert  -> ..data/tlscert
 *     ..data   -> ..2026_11_20_19_05_00.x7Kq2f
 */
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  codeOf,
  orUndefined,
  syncDirectory,
  withPlainErrors,
  writeSynced,
} from './durable-file.ts';
import { Failure } from './failure.ts';
import { inMade, inOwn, readOwn } from './own-files.ts';

/** Contents by file name; of a name with a slash, the part before it is a folder. Text is UTF-8. */
export type FileSet = ReadonlyMap<string, string | Uint8Array>;

const CURRENT = '..data';
const NEXT = '..data_tmp';
const VERSION = /^\.\.\d{4}(?:_\d\d){5}\.[A-Za-z0-9]{6}$/;

/** Is given a path to the new version's directory, which is ours, before anybody sees it. */
type Prepare = (version: string) => Promise<void>;

/** Names that stay as they are where `files` hasn't them, with what they are where they weren't there before. */
export type KeptFiles = ReadonlyMap<string, Uint8Array | undefined>;

/** Replaces the whole set. Refuses, and changes nothing, where a name is taken by something that is not of a set. */
export async function writeFileSet(
  directory: string,
  wanted: FileSet,
  now: Date,
  prepare: Prepare = async () => undefined,
  kept: KeptFiles = new Map(),
): Promise<void> {
  await withPlainErrors(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const previous = await currentVersion(directory);
    const files = new Map([...(await keptFiles(directory, previous, kept)), ...wanted]);
    await refuseForeignFiles(directory, visibleNames(files.keys()));
    await removeLeftovers(directory, previous);

    const version = await writeVersion(directory, files, now, prepare);
    await makeLink(version, join(directory, NEXT));
    await rename(join(directory, NEXT), join(directory, CURRENT));
    await syncDirectory(directory);

    await linkNames(directory, files);
    await syncDirectory(directory);
    if (previous !== undefined) await rm(join(directory, previous), { recursive: true });
  });
}

/** Replaces some files of the set, all others stay as they are. Whether there was a set. */
export async function amendFileSet(
  directory: string,
  changes: FileSet,
  now: Date,
  prepare?: Prepare,
): Promise<boolean> {
  const files = await withPlainErrors(directory, () => currentFiles(directory));
  if (!files) return false;
  await writeFileSet(directory, new Map([...files, ...changes]), now, prepare);
  return true;
}

async function currentFiles(directory: string): Promise<FileSet | undefined> {
  const version = await currentVersion(directory);
  if (version === undefined) return undefined;
  const files = await inOwn(join(directory, version), filesIn);
  if (!files) throw foreign(join(directory, CURRENT));
  return files;
}

async function filesIn(path: string, prefix = ''): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const [name, of] = [`${prefix}${entry.name}`, join(path, entry.name)];
    if (entry.isFile()) {
      const content = await readOwn(of);
      if (content) files.set(name, content);
    } else {
      const below = await inOwn(of, (folder) => filesIn(folder, `${name}/`));
      for (const [inner, one] of below ?? []) files.set(inner, one);
    }
  }
  return files;
}

async function keptFiles(
  directory: string,
  version: string | undefined,
  kept: KeptFiles,
): Promise<FileSet> {
  const read = async (path: string) => {
    const found = new Map<string, Uint8Array | undefined>();
    for (const name of kept.keys()) found.set(name, await readOwn(join(path, name)));
    return found;
  };
  const there = version === undefined ? undefined : await inOwn(join(directory, version), read);
  const files = new Map<string, Uint8Array>();
  for (const [name, otherwise] of kept) {
    const before = there?.get(name);
    const content = before?.length ? before : otherwise;
    if (content) files.set(name, content);
  }
  return files;
}

/** One file of the set as it is; `undefined` where it isn't there. */
export const readSetFile = (directory: string, name: string): Promise<Uint8Array | undefined> =>
  withPlainErrors(directory, () => orUndefined(readFile(join(directory, name))));

/** The named files of the current version, all of the same one; `undefined` if there is none or it lacks one of them. */
export async function readFileSet(
  directory: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  return withPlainErrors(directory, async () => {
    const version = await currentVersion(directory);
    if (version === undefined) return undefined;
    const files = new Map<string, string>();
    for (const name of names) {
      const text = await orUndefined(readFile(join(directory, version, name), 'utf8'));
      if (text === undefined) return undefined;
      files.set(name, text);
    }
    return files;
  });
}

/** What is to be seen of them in the directory itself: nothing of names that begin with two dots, as our own do. */
const visibleNames = (names: Iterable<string>): ReadonlySet<string> =>
  new Set(
    [...names].filter((name) => !name.startsWith('..')).map((name) => name.replace(/\/.*/s, '')),
  );

async function currentVersion(directory: string): Promise<string | undefined> {
  const path = join(directory, CURRENT);
  const entry = await orUndefined(lstat(path));
  if (!entry) return undefined;
  const version = entry.isSymbolicLink() ? await readlink(path) : '';
  if (!VERSION.test(version)) throw foreign(path);
  return version;
}

/** Throws a `Failure` where a set of these names could not be written because of what is there. */
export async function refuseForeignFiles(
  directory: string,
  names: Iterable<string>,
): Promise<void> {
  await currentVersion(directory);
  for (const name of names) await refuseForeign(directory, name);
}

async function refuseForeign(directory: string, name: string): Promise<void> {
  const path = join(directory, name);
  const entry = await orUndefined(lstat(path));
  if (entry && !(entry.isSymbolicLink() && (await readlink(path)) === join(CURRENT, name))) {
    throw foreign(path);
  }
}

const foreign = (path: string): Failure =>
  new Failure(
    'files',
    `${path} is there already and was not made by joinbot: move it away, or choose another directory`,
  );

/** What an interrupted writer left behind. */
async function removeLeftovers(directory: string, current: string | undefined): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name === NEXT || (VERSION.test(name) && name !== current)) {
      await rm(join(directory, name), { recursive: true });
    }
  }
}

/** What file systems say that have no links (FAT, some of those over a network). */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/** Throws a `Failure` where the file system has no symbolic links. `make` is Node's own. */
export async function makeLink(
  target: string,
  path: string,
  make: (target: string, path: string) => Promise<void> = symlink,
): Promise<void> {
  try {
    await make(target, path);
  } catch (error) {
    if (!NO_LINKS.includes(codeOf(error))) throw error;
    const message = `the file system of ${dirname(path)} has no symbolic links, and files that belong together change by one: choose a directory on another file system`;
    throw new Failure('files', message, { cause: error });
  }
}

async function writeVersion(
  directory: string,
  files: FileSet,
  now: Date,
  prepare: Prepare,
): Promise<string> {
  const stamp = now.toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  const path = await mkdtemp(join(directory, `..${stamp}.`));
  try {
    // Whoever else may write to the directory may put a link in its place at any time.
    await inMade(path, `${path} is no longer what joinbot has made`, async (own) => {
      await writeFiles(own, files);
      await prepare(own);
    });
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
  return basename(path);
}

async function writeFiles(path: string, files: FileSet): Promise<void> {
  const folders = new Set([path]);
  for (const [name, contents] of files) {
    const file = join(path, name);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    folders.add(dirname(file));
    await writeSynced(file, contents);
  }
  for (const folder of folders) await syncDirectory(folder);
}

/** Makes the visible names that are missing and removes those that have no file any more. */
async function linkNames(directory: string, files: FileSet): Promise<void> {
  const present = new Set(await readdir(directory));
  const wanted = visibleNames(files.keys());
  for (const name of wanted) {
    if (!present.has(name)) await makeLink(join(CURRENT, name), join(directory, name));
  }
  for (const name of present) {
    if (wanted.has(name)) continue;
    const target = await orUndefined(readlink(join(directory, name)));
    if (target === join(CURRENT, name)) await unlink(join(directory, name));
  }
}
