/** Reads the YAML files that `joinctl apply` is given: one file, or all of them below a folder, always in the same order. */
import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { withoutRevision } from '../broker-client.ts';
import { type ResourceDocument, readDocuments, refuseRepetitions } from '../documents.ts';
import { Failure } from '../failure.ts';
import { readText } from '../files.ts';
import type { Io } from '../io.ts';
import { printable } from '../printable.ts';

/**
 * The resources of `path` (`-` is standard input), ordered by file and place in it. Each of them stands there once. What
 * the files say holds whichever version they began from, so revisions are left out.
 */
export async function readResourceFiles(
  io: Io,
  path: string,
): Promise<readonly ResourceDocument[]> {
  const documents =
    path === '-'
      ? readDocuments(await io.readStdin(), 'stdin')
      : await readFiles(io.cwd, await filesOf(resolve(io.cwd, path)));
  return documents.map((document) => ({
    ...document,
    resource: withoutRevision(document.resource),
  }));
}

async function readFiles(
  cwd: string,
  files: readonly string[],
): Promise<readonly ResourceDocument[]> {
  const documents: ResourceDocument[] = [];
  for (const file of files) {
    documents.push(...readDocuments(await readText(file), relative(cwd, file)));
  }
  refuseRepetitions(documents);
  return documents;
}

async function filesOf(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch(() => undefined);
  // A file that is not there is best described by whoever reads it.
  if (!found?.isDirectory()) return [path];
  const files = await yamlFilesBelow(path);
  if (files.length === 0) throw new Failure(`${printable(path)} holds no .yaml or .yml file.`);
  return files.toSorted();
}

/** Names that begin with a dot are not looked at. */
async function yamlFilesBelow(folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) files.push(...(await yamlFilesBelow(path)));
    else if (/\.ya?ml$/.test(entry.name)) files.push(path);
    else if (entry.isSymbolicLink()) await refuseFolderLink(path);
  }
  return files;
}

/** What is behind it would be left out, and pruned. */
async function refuseFolderLink(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) {
    throw new Failure(`${printable(path)} is a link to a folder, which is not followed.`);
  }
}
