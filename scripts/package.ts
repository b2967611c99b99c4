/**
 * Makes the deploy package, `dist/join-broker.zip`: the bundles, host.json and a package.json that says where they start;
 * nothing to install, nothing to build. It is a zip archive, because that is what Azure takes and what one digest attests;
 * it is written here, because the same sources must always give the same digest. Usage: npm run package
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.ts';
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

if (import.meta.main) {
  const archive = await makePackage();
  const file = 'dist/join-broker.zip';
  await writeFile(join(ROOT, file), archive);
  const digest = createHash('sha256').update(archive).digest('hex');
  process.stdout.write(`${file}  ${(archive.length / 1024).toFixed(1)} KB  sha256:${digest}\n`);
}
