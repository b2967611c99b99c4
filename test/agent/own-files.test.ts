/** What others put in the way of the agent as it reads, before it begins and while it does. */
import { chown, lchown, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { inOwn, readOwn } from '../../agent/own-files.ts';
import { temporaryFolder } from './folder.ts';
import { openAt } from './open-files.ts';

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
const TOO_LONG = 'x'.repeat(300);

async function folderWith(text: string) {
  const above = await temporaryFolder();
  const path = join(above, 'own');
  await mkdir(path);
  await writeFile(join(path, 'file'), text);
  return { above, path };
}
const readIn = (path: string) => readFile(join(path, 'file'), 'utf8');

describe('a directory of our own', () => {
  test('is what we work in', async () => {
    const { path } = await folderWith('ours');
    expect(await inOwn(path, readIn)).toBe('ours');
  });

  test.skipIf(!isLinux)('stays the one that it was, whatever becomes of its name', async () => {
    const { above, path } = await folderWith('ours');
    const secret = await folderWith('of root');
    const read = await inOwn(path, async (held) => {
      await rename(path, join(above, 'moved'));
      await symlink(secret.path, path);
      return readIn(held);
    });
    expect(read).toBe('ours');
    expect(await readIn(path)).toBe('of root');
  });

  test.skipIf(!isLinux)('is open for as long as we work, also where that fails', async () => {
    const { above, path } = await folderWith('ours');
    expect(await inOwn(path, () => openAt(above))).toEqual([path]);
    const failing = inOwn(path, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await openAt(above)).toEqual([]);
  });
});

describe('nothing is done in', () => {
  const never = () => expect.unreachable('it was worked in');

  test('a link to a directory, a file, or what is not there', async () => {
    const { above, path } = await folderWith('ours');
    await symlink(path, join(above, 'link'));
    for (const name of ['link', 'own/file', 'none'])
      expect(await inOwn(join(above, name), never)).toBeUndefined();
  });

  test.skipIf(!isRoot)('a directory of somebody else', async () => {
    const { path } = await folderWith('ours');
    await chown(path, 65_534, 65_534);
    expect(await inOwn(path, never)).toBeUndefined();
  });

  test('a directory that can not be opened: that is told', async () => {
    const { above } = await folderWith('ours');
    await expect(inOwn(join(above, TOO_LONG), never)).rejects.toThrow('ENAMETOOLONG');
  });
});

describe('of files', () => {
  test('those that are there are read, and left open for no longer', async () => {
    const { above, path } = await folderWith('ours');
    expect(await readOwn(join(path, 'file'))).toEqual(Buffer.from('ours'));
    if (isLinux) expect(await openAt(above)).toEqual([]);
  });

  test('links are none, and neither is what is not there', async () => {
    const { above, path } = await folderWith('ours');
    await symlink(join(path, 'file'), join(above, 'link'));
    if (isRoot) await lchown(join(above, 'link'), 65_534, 65_534);
    expect(await readOwn(join(above, 'link'))).toBeUndefined();
    expect(await readOwn(join(above, 'none'))).toBeUndefined();
  });

  test('what else is in the way is told', async () => {
    const { above } = await folderWith('ours');
    await expect(readOwn(above)).rejects.toThrow('EISDIR');
    await expect(readOwn(join(above, TOO_LONG))).rejects.toThrow('ENAMETOOLONG');
  });
});
