import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bundle } from '../../scripts/bundle.ts';

async function folderWith(files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const options = { target: 'node20' };

test('each dynamic import of a relative path becomes a bundle of its own, and runs', async () => {
  const folder = await folderWith({
    'main.ts': `#!/usr/bin/env node
      console.log('start');
      import('./parts/one.ts').then(async ({ one }) => console.log(await one()));`,
    'parts/one.ts': `export const one = async () => (await import('../two.ts')).two + VERSION;`,
    'two.ts': `export const two = 'two ';`,
  });
  const files = await bundle(join(folder, 'main.ts'), join(folder, 'out/main.cjs'), {
    ...options,
    define: { VERSION: '"v1"' },
  });
  expect(files.map(({ path }) => path)).toEqual(
    ['main', 'one', 'two'].map((name) => join(folder, `out/${name}.cjs`)),
  );
  const texts = files.map(({ contents }) => Buffer.from(contents).toString());
  expect(texts.map((text) => text.startsWith('#!'))).toEqual([true, false, false]);
  expect(texts[0]).not.toContain('two ');
  await mkdir(join(folder, 'out'));
  for (const { path, contents } of files) await writeFile(path, contents);
  const output = execFileSync(process.execPath, [join(folder, 'out/main.cjs')], {
    encoding: 'utf8',
  });
  expect(output).toBe('start\ntwo v1\n');
});

test('in one file, dynamic imports are inside of it and still run on first use only', async () => {
  const folder = await folderWith({
    'main.ts': `/*! licence of main */
      console.log('start');
      import('./part.ts').then(({ part }) => console.log(part));`,
    'part.ts': `console.log('part runs'); export const part = 'part';`,
  });
  const file = join(folder, 'out.cjs');
  const files = await bundle(join(folder, 'main.ts'), file, { ...options, inOneFile: true });
  expect(files.map(({ path }) => path)).toEqual([file]);
  const [only] = files;
  await writeFile(file, only?.contents ?? '');
  expect(Buffer.from(only?.contents ?? '').toString()).toContain('licence of main');
  const output = execFileSync(process.execPath, [file], { encoding: 'utf8' });
  expect(output).toBe('start\npart runs\npart\n');
});

test('two parts of one name are refused', async () => {
  const folder = await folderWith({
    'main.ts': `void import('./a/part.ts'); void import('./b/part.ts');`,
    'a/part.ts': '',
    'b/part.ts': '',
  });
  await expect(
    bundle(join(folder, 'main.ts'), join(folder, 'out/main.cjs'), options),
  ).rejects.toThrow('would both be part.cjs');
});

test('a part that is not there is refused', async () => {
  const folder = await folderWith({ 'main.ts': `void import('./none.ts');` });
  await expect(
    bundle(join(folder, 'main.ts'), join(folder, 'out/main.cjs'), options),
  ).rejects.toThrow('Could not resolve "./none.ts"');
});

test('a file that is replaced has its other contents in whichever part it is, and must be there', async () => {
  const folder = await folderWith({
    'main.ts': `void import('./part.ts').then(({ told }) => console.log(told));`,
    'part.ts': `import { say } from './package/say.js'; export const told = say();`,
    'package/say.js': `export const say = () => 'as it is';`,
  });
  const bundled = (file: RegExp) =>
    bundle(join(folder, 'main.ts'), join(folder, 'out/main.cjs'), {
      ...options,
      replaced: [{ file, contents: `exports.say = () => 'otherwise';` }],
    });
  await mkdir(join(folder, 'out'));
  for (const { path, contents } of await bundled(/package[/\\]say\.js$/))
    await writeFile(path, contents);
  const run = execFileSync(process.execPath, [join(folder, 'out/main.cjs')], { encoding: 'utf8' });
  expect(run).toBe('otherwise\n');
  await expect(bundled(/none\.js$/)).rejects.toThrow('no file to replace fits');
});
