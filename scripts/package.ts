/**
 * Makes the deploy package, `dist/join-broker.zip`: the bundles, host.json and a package.json that says where they start;
 * nothing to install, nothing to build. It is a zip archive, because that is what Azure takes and what one digest attests;
 * it is written here, because the same sources must always give the same digest. Beside it, unless only the archive is wanted, the
 * tools as programs that need no Node.js, and the checksums of all. Usage: npm run package [-- zip]
 */
import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TOOLS } from '../shared/tools-file.ts';
import { build } from './build.ts';
import { makeExecutable } from './executables.ts';
import { nodeBinary, nodeLicence, TARGETS } from './node-binaries.ts';
import { type ZipEntry, zip } from './zip.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLES = 'dist/functions/';

/** Builds, and puts what was built for Azure into an archive. */
export async function makePackage(): Promise<Uint8Array> {
  const bundles = (await build())
    .map(({ path }) => path)
    .filter((path) => path.startsWith(BUNDLES));
  const files = await Promise.all([...bundles, 'host.json'].map(fileAt));
  const entries = [...files, await reducedManifest()];
  return zip(entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
}

const fileAt = async (path: string): Promise<ZipEntry> => ({
  path,
  contents: await readFile(join(ROOT, path)),
});

/** Scripts and dependencies say how the project is built; there, Azure would try to install them. */
async function reducedManifest(): Promise<ZipEntry> {
  const path = 'package.json';
  const { name, version, main } = JSON.parse(await readFile(join(ROOT, path), 'utf8'));
  return { path, contents: Buffer.from(`${JSON.stringify({ name, version, main }, null, 2)}\n`) };
}

/** The executables are Node.js for the most part. */
const NODE_LICENCE = 'dist/node-LICENSE.txt';

/** For each kind of machine, `dist/joinbot-linux-x64` and so on, and the licence of what they are made of. */
async function makeExecutables(): Promise<string[]> {
  const made = [NODE_LICENCE];
  await copyFile(await nodeLicence(), join(ROOT, NODE_LICENCE));
  for (const target of TARGETS) {
    const node = await nodeBinary(target);
    for (const tool of TOOLS) {
      const file = `dist/${basename(tool, '.cjs')}-${target}`;
      await makeExecutable(tool, node, join(ROOT, file));
      made.push(file);
    }
  }
  return made;
}

/** What was made, as `sha256sum --check` reads it. */
async function writeChecksums(files: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const file of files) {
    const contents = await readFile(join(ROOT, file));
    const digest = createHash('sha256').update(contents).digest('hex');
    lines.push(`${digest}  ${basename(file)}\n`);
    const size = `${(contents.length / 1024).toFixed(1)} KB`;
    process.stdout.write(`${file.padEnd(28)} ${size.padStart(12)}  sha256:${digest}\n`);
  }
  await writeFile(join(ROOT, 'dist/SHA256SUMS'), lines.join(''));
}

if (import.meta.main) {
  const [only, ...rest] = process.argv.slice(2);
  if (rest.length > 0 || ![undefined, 'zip'].includes(only)) {
    process.stderr.write('Usage: npm run package [-- zip]\n');
    process.exit(2);
  }
  const zipFile = 'dist/join-broker.zip';
  await writeFile(join(ROOT, zipFile), await makePackage());
  await writeChecksums([
    zipFile,
    ...TOOLS.map((tool) => `dist/${tool}`),
    ...(only === 'zip' ? [] : await makeExecutables()),
  ]);
}
