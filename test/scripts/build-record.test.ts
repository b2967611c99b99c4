/** A build is skipped only where it would make, from what is there, what is there. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { digestSources, expectSource, isBuilt, recordBuild } from '../../scripts/build-record.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const FILES = {
  'package.json': '{"version":"1.0.0"}',
  'package-lock.json': '{}',
  'tsconfig.json': '{}',
  'node_modules/.package-lock.json': '{}',
  'admin/main.ts': '// joinctl',
  'agent/main.ts': '// joinbot',
  'functions/main.ts': '// the function app',
  'shared/encoding/der.ts': '// shared',
  'scripts/build.ts': '// what is built',
  'scripts/bundle.ts': '// esbuild and its options',
  'docs/design.md': '# Design',
  'test/one.test.ts': '// a test',
  'dist/joinbot.cjs': 'agent',
  'dist/functions/main.cjs': 'broker',
};
const BUILT = ['dist/joinbot.cjs', 'dist/functions/main.cjs'];

async function project() {
  const root = await mkdtemp(join(tmpdir(), 'built-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  for (const [path, text] of Object.entries(FILES)) await write(path, text);
  /** What a build tells when it ends. `sources` is the digest from when it began. */
  const record = async (sources: string): Promise<void> => {
    const built = BUILT.map(async (path) => ({
      path: join(root, path),
      contents: await readFile(join(root, path)),
    }));
    await recordBuild(root, sources, await Promise.all(built));
  };
  return { root, write, record, remove: (path: string) => rm(join(root, path)) };
}

type Project = Awaited<ReturnType<typeof project>>;

async function builtProject(): Promise<Project> {
  const made = await project();
  await made.record(await digestSources(made.root));
  return made;
}

describe('what was built is still good', () => {
  test.each<[string, (made: Project) => Promise<void>]>([
    ['while nothing changes', async () => {}],
    ['when a test changes', ({ write }) => write('test/one.test.ts', '// another')],
    ['when a document changes', ({ write }) => write('docs/design.md', '# Other')],
    [
      'when a source changes and changes back',
      async ({ write }) => {
        await write('agent/main.ts', '// other');
        await write('agent/main.ts', FILES['agent/main.ts']);
      },
    ],
  ])('%s', async (_, change) => {
    const made = await builtProject();
    await change(made);
    expect(await isBuilt(made.root)).toBe(true);
  });
});

describe('everything is built again', () => {
  const sources = Object.keys(FILES).filter((path) => !/^(?:dist|docs|test)/.test(path));
  test.each(sources)('when %s changes', async (path) => {
    const { root, write } = await builtProject();
    await write(path, `${await readFile(join(root, path))} `);
    expect(await isBuilt(root)).toBe(false);
  });

  test.each<[string, (made: Project) => Promise<void>]>([
    ['when a source is added', ({ write }) => write('shared/new/part.ts', '')],
    ['when a source is removed', ({ remove }) => remove('shared/encoding/der.ts')],
    [
      'when a source has another name',
      async ({ write, remove }) => {
        await remove('agent/main.ts');
        await write('agent/renamed.ts', FILES['agent/main.ts']);
      },
    ],
    ['when what was built is changed', ({ write }) => write('dist/joinbot.cjs', 'other')],
    ['when what was built is removed', ({ remove }) => remove('dist/functions/main.cjs')],
    ['when the record is gone', ({ remove }) => remove('dist/build-record.json')],
    ['when the record is cut off', ({ write }) => write('dist/build-record.json', '{"sources":')],
    ['when the record is of another form', ({ write }) => write('dist/build-record.json', '{}')],
  ])('%s', async (_, change) => {
    const made = await builtProject();
    await change(made);
    expect(await isBuilt(made.root)).toBe(false);
  });

  test('when a source changed while it was built: nobody knows which of the two was read', async () => {
    const { root, write, record } = await project();
    const before = await digestSources(root);
    await write('agent/main.ts', '// other');
    await record(before);
    expect(await isBuilt(root)).toBe(false);
    await write('agent/main.ts', FILES['agent/main.ts']);
    expect(await isBuilt(root)).toBe(false);
  });
});

test('a bundle may be made of packages and of sources that the digest covers, and of no other file', () => {
  for (const path of ['node_modules/zod/index.js', 'shared/encoding/der.ts', 'agent/main.ts']) {
    expect(() => expectSource(ROOT, join(ROOT, path))).not.toThrow();
  }
  for (const path of ['local/stack.ts', 'test/programs.ts', '../elsewhere/shared/der.ts']) {
    expect(() => expectSource(ROOT, join(ROOT, path))).toThrow('is in none of the folders');
  }
});

test('what these tests run was built from the sources as they are', async () => {
  expect(await isBuilt(ROOT)).toBe(true);
});
