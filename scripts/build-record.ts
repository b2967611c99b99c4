/**
 * What the last build was made of, and what it made: `dist/build-record.json`. While both are still the same, building
 * again would make the same.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import * as z from 'zod/mini';
import type { OutputFile } from './bundle.ts';

/** The folders whose files make the bundles. How they are made is in `scripts`. */
const SOURCE_FOLDERS = ['admin', 'agent', 'functions', 'scripts', 'shared'];

/** The rest: the version, what esbuild reads by itself, and which packages there should be and are. */
const SOURCE_FILES = [
  'package.json',
  'tsconfig.json',
  'package-lock.json',
  'node_modules/.package-lock.json',
];

const RECORD = 'dist/build-record.json';
const Digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const BuildRecord = z.strictObject({
  sources: Digest,
  /** By path, relative to the project's folder. */
  files: z.record(z.string(), Digest),
});

/**
 * The digest of everything that a build of the project in `root` reads. Of installed packages the lock files speak: a file
 * that is changed by hand in `node_modules` goes unnoticed.
 */
export async function digestSources(root: string): Promise<string> {
  const inFolders = await Promise.all(SOURCE_FOLDERS.map((folder) => filesIn(root, folder)));
  const hash = createHash('sha256');
  for (const path of [...SOURCE_FILES, ...inFolders.flat()]) {
    hash.update(`${path}\0${digest(await readFile(join(root, path)))}\0`);
  }
  return hash.digest('hex');
}

/** Throws if a bundle is made of a file (an absolute path) that {@link digestSources} leaves out. */
export function expectSource(root: string, file: string): void {
  const [folder = ''] = relative(root, file).split(sep);
  if (folder === 'node_modules' || SOURCE_FOLDERS.includes(folder)) return;
  throw new Error(`${file} is bundled, but is in none of the folders ${SOURCE_FOLDERS.join(', ')}`);
}

/** Records a build. `sources` is their digest from before it: if it is another one by now, nobody knows what was built. */
export async function recordBuild(
  root: string,
  sources: string,
  files: readonly OutputFile[],
): Promise<void> {
  if ((await digestSources(root)) !== sources) return;
  const record: z.infer<typeof BuildRecord> = {
    sources,
    files: Object.fromEntries(
      files.map(({ path, contents }) => [relative(root, path), digest(contents)]),
    ),
  };
  const temporary = join(root, `${RECORD}.${process.pid}.tmp`);
  await writeFile(temporary, JSON.stringify(record));
  await rename(temporary, join(root, RECORD));
}

/** Whether what is in `dist` is what a build would make of the sources as they are now. */
export async function isBuilt(root: string): Promise<boolean> {
  const record = readRecord(await readIfThere(join(root, RECORD)));
  if (!record || record.sources !== (await digestSources(root))) return false;
  for (const [path, expected] of Object.entries(record.files)) {
    const contents = await readIfThere(join(root, path));
    if (!contents || digest(contents) !== expected) return false;
  }
  return true;
}

/** Every file in a folder of the project, in a fixed order, as paths from its root. */
async function filesIn(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
    .toSorted();
}

const digest = (contents: Uint8Array): string =>
  createHash('sha256').update(contents).digest('hex');

/** A record that can't be read is none: then everything is built again. */
function readRecord(text: Buffer | undefined): z.infer<typeof BuildRecord> | undefined {
  if (!text) return undefined;
  try {
    return BuildRecord.parse(JSON.parse(text.toString()));
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
