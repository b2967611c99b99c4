import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { takeRunFile } from '../../local/run-file.ts';

async function runFile() {
  const folder = await mkdtemp(join(tmpdir(), 'run-file-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, '.local/stack.pid');
}

test('is taken once, until it is given back', async () => {
  const file = await runFile();
  const giveBack = await takeRunFile(file);
  expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await expect(takeRunFile(file)).rejects.toThrow(
    `A stack runs here already, as process ${process.pid}: stop it first`,
  );
  await giveBack();
  await (await takeRunFile(file))();
});

test.each([
  ['a process that has ended', String(spawnSync(process.execPath, ['-e', '']).pid)],
  ['nobody', 'garbage'],
])('is taken over from %s', async (_, content) => {
  const file = await runFile();
  await (await takeRunFile(file))();
  await writeFile(file, content);
  await takeRunFile(file);
  expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
});
