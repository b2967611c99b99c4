/** Whether the agent's files could be written somewhere, and who else could put something in their place. */
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { checkDirectory, nearestThere, openPlaces } from '../../agent/check-directory.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import { temporaryFolder } from './folder.ts';

describe('a directory is good', () => {
  test('where it is there, and nothing is left behind in it', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '..joinbot-check'), 'left over');
    await symlink('nowhere', join(folder, '..joinbot-check-link'));
    await writeFile(join(folder, 'README'), 'mine');
    await checkDirectory(folder, ['key']);
    expect(await readdir(folder)).toEqual(['README']);
  });

  test('where it can be made, and it is not made yet', async () => {
    const folder = await temporaryFolder();
    await checkDirectory(join(folder, 'a/b'), ['key']);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a directory is refused', () => {
  test("where one of the names is somebody else's", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'key'), 'mine');
    await expect(checkDirectory(folder, ['tlscert', 'key'])).rejects.toThrow(
      `${join(folder, 'key')} is there already and was not made by joinbot`,
    );
    expect(await readdir(folder)).toEqual(['key']);
  });

  test('where it is a file, or below one', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'a')])
      await expect(checkDirectory(path, ['key'])).rejects.toMatchObject({
        code: 'files',
        message: `the directory ${path} can't be used: a part of the path is not a directory`,
      });
  });

  test.skipIf(process.platform !== 'linux')('where no file can be made, even by root', async () => {
    await expect(checkDirectory('/proc/self/task', [])).rejects.toThrow(
      "the directory /proc/self/task can't be used",
    );
  });

  test('where something else has the name that is tried', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, '..joinbot-check'));
    await expect(checkDirectory(folder, [])).rejects.toThrow(
      `the directory ${folder} can't be used`,
    );
  });
});

test('the nearest directory that is there is the one itself, or one above it', async () => {
  const folder = await temporaryFolder();
  expect(await nearestThere(folder)).toBe(folder);
  expect(await nearestThere(join(folder, 'a/b/c'))).toBe(folder);
  expect(await nearestThere('/')).toBe('/');
  expect(await nearestThere('relative/none')).toBe('.');
});

describe('everybody may replace what is put', () => {
  const open = (storage: object, ...destinations: readonly object[]) =>
    openPlaces({
      storage,
      outputs: destinations.map((destination) => ({ destination })),
    } as unknown as AgentSettings);
  const directory = (path: string) => ({ type: 'directory', path });
  const socket = (path: string) => ({ type: 'workload_api', path });
  const MEMORY = { type: 'memory' };

  async function folderOf(mode: number): Promise<string> {
    const folder = await temporaryFolder();
    await chmod(folder, mode);
    return folder;
  }

  test.each([
    [0o777, true, true],
    [0o702, true, true],
    [0o1777, true, false],
    [0o775, false, false],
    [0o1770, false, false],
    [0o755, false, false],
  ])('into a directory of mode %o: %s, a socket in it: %s', async (mode, files, sockets) => {
    const folder = await folderOf(mode);
    expect(await open(directory(folder))).toEqual(files ? [folder] : []);
    expect(await open(MEMORY, directory(folder))).toEqual(files ? [folder] : []);
    expect(await open(MEMORY, socket(join(folder, 'a.sock')))).toEqual(sockets ? [folder] : []);
    const below = directory(join(folder, 'sub'));
    await mkdir(below.path, { mode: 0o700 });
    expect(await open(below)).toEqual([]);
  });

  test('nowhere where nothing is there, nothing can be asked, or nothing is of this machine', async () => {
    const file = join(await folderOf(0o700), 'file');
    await writeFile(file, '');
    const secret = { type: 'kubernetes_secret', path: dirname(file) };
    const none = [
      directory(`${file}-none`),
      directory(join(file, 'below')),
      socket('/none/a'),
      secret,
    ];
    expect(await open(MEMORY, ...none)).toEqual([]);
  });

  test('in each such place', async () => {
    const [a, b] = [await folderOf(0o777), await folderOf(0o777)];
    expect(await open(directory(a), directory(b))).toEqual([a, b]);
  });
});
