import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createFunctionsHost, type FunctionsHost } from '../../local/functions-host.ts';
import { makePackage } from '../../scripts/package.ts';
import { zip } from '../../scripts/zip.ts';
import { programPath } from '../programs.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let archive: Uint8Array;

beforeAll(async () => {
  archive = await makePackage();
});

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'package-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Reads an archive by its directory, as strictly as we write it. */
function unzip(bytes: Uint8Array): Map<string, Buffer> {
  const buffer = Buffer.from(bytes);
  const end = buffer.length - 22;
  expect(buffer.toString('latin1', end, end + 4)).toBe('PK\x05\x06');
  const files = new Map<string, Buffer>();
  let at = buffer.readUInt32LE(end + 16);
  for (let left = buffer.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = buffer.readUInt16LE(at + 28);
    const name = buffer.toString('utf8', at + 46, at + 46 + nameLength);
    const start = buffer.readUInt32LE(at + 42) + 30 + nameLength;
    const packed = buffer.subarray(start, start + buffer.readUInt32LE(at + 20));
    expect(files.has(name)).toBe(false);
    files.set(name, inflateRawSync(packed));
    at += 46 + nameLength;
  }
  expect(at).toBe(end);
  return files;
}

async function startFrom(folder: string): Promise<FunctionsHost> {
  const host = await createFunctionsHost(folder, { log: () => {} });
  onTestFinished(host.close);
  return host;
}

describe('the deploy package', () => {
  test('holds the bundles, host.json, package.json and nothing else', async () => {
    const built = await readdir(join(ROOT, 'dist/functions'), {
      recursive: true,
      withFileTypes: true,
    });
    const bundles = built
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) =>
        relative(join(ROOT, 'dist/functions'), join(parentPath, name)),
      );
    const files = unzip(archive);
    expect([...files.keys()]).toEqual(
      [...bundles.map((name) => `dist/functions/${name}`), 'host.json', 'package.json'].toSorted(),
    );
    expect(bundles).toEqual(
      expect.arrayContaining([
        'main.cjs',
        'joinbot.schema.json',
        'openapi.json',
        'install/install.sh',
        'install/joinbot.cjs',
        'install/joinctl.cjs',
        'install/tools.json',
      ]),
    );
    for (const path of ['host.json', 'dist/functions/main.cjs']) {
      expect(files.get(path)?.equals(await readFile(join(ROOT, path)))).toBe(true);
    }
  });

  test('has a package.json that gives nobody anything to install or to run', () => {
    const manifest = JSON.parse(unzip(archive).get('package.json')?.toString() ?? '');
    expect(manifest).toEqual({
      name: 'join-broker',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      main: 'dist/functions/main.cjs',
    });
  });

  test('starts in an empty folder without node_modules, with every function', async () => {
    const folder = await emptyFolder();
    for (const [path, contents] of unzip(archive)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), contents);
    }
    const host = await startFrom(folder);
    const { functions } = await startFrom(ROOT);
    expect(host.functions).toEqual(functions);
    expect(functions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['join', 'trust', 'readyz', 'rotate-keys']),
    );
    const broker = await host.listen();
    const ready = await fetch(`${broker}/readyz`);
    expect(await ready.json()).toMatchObject({ detail: 'not ready: settings' });
    const joinbot = await fetch(`${broker}/scripts/joinbot.cjs`);
    expect(Buffer.from(await joinbot.arrayBuffer())).toEqual(
      await readFile(join(ROOT, 'dist/functions/install/joinbot.cjs')),
    );
  });

  test('is the same, bit for bit, when it is made again', async () => {
    expect(Buffer.from(await makePackage()).equals(archive)).toBe(true);
  });
});

describe('zip', () => {
  const entries = [
    { path: 'a/ä.txt', contents: Buffer.from('text '.repeat(1000)) },
    { path: 'empty', contents: Buffer.alloc(0) },
  ];

  test('gives back what was put in', () => {
    expect([...unzip(zip(entries))].map(([path, contents]) => ({ path, contents }))).toEqual(
      entries,
    );
  });

  test.skipIf(!programPath('unzip'))('is accepted by unzip', async () => {
    const file = join(await emptyFolder(), 'a.zip');
    await writeFile(file, zip(entries));
    expect(execFileSync('unzip', ['-t', file], { encoding: 'utf8' })).toContain(
      'No errors detected',
    );
    expect(execFileSync('unzip', ['-Z', file], { encoding: 'utf8' })).toMatch(
      /^-rw-r--r--\s+2\.0 unx .* 80-Jan-01 00:00 /m,
    );
  });

  test.skipIf(!programPath('python3'))(
    'is accepted by Python, the deploy package too',
    async () => {
      const folder = await emptyFolder();
      for (const bytes of [zip(entries), archive]) {
        await writeFile(join(folder, 'a.zip'), bytes);
        const said = execFileSync('python3', ['-m', 'zipfile', '-t', 'a.zip'], {
          cwd: folder,
          encoding: 'utf8',
        });
        expect(said).toBe('Done testing\n');
      }
    },
  );
});
