import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadLists, storeLists } from '../../../agent/revocation/stored-lists.ts';
import { temporaryFolder } from '../folder.ts';
import { LISTS as lists } from '../signed-lists.ts';

const FILE = 'revocation-lists.json';
const MOST_BYTES = 24 * 1024 * 1024;

test('lists are kept as they were signed, with their ETag, for the owner alone', async () => {
  const folder = await temporaryFolder();
  await storeLists(folder, { lists, etag: '"a"' });
  expect(await loadLists(folder)).toEqual({ version: 1, lists, etag: '"a"' });
  expect((await stat(join(folder, FILE))).mode & 0o777).toBe(0o600);
  await storeLists(folder, { lists });
  expect(await loadLists(folder)).toEqual({ version: 1, lists });
});

describe('there are none', () => {
  const loadFrom = async (text: string) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, FILE), text);
    return loadLists(folder);
  };

  test('where there is no file', async () => {
    expect(await loadLists(await temporaryFolder())).toBeUndefined();
  });

  test.each([
    ['no JSON', '{'],
    ['of another version', JSON.stringify({ version: 2, lists })],
    ['with more in it', JSON.stringify({ version: 1, lists, more: 1 })],
    [
      'without the signature',
      JSON.stringify({ version: 1, lists: { ...lists, signature: undefined } }),
    ],
  ])('in a file that is %s', async (_, text) => {
    expect(await loadFrom(text)).toBeUndefined();
  });

  test('in a file that is larger than any that we write', async () => {
    const text = JSON.stringify({ version: 1, lists });
    expect(await loadFrom(text.padEnd(MOST_BYTES))).toEqual({ version: 1, lists });
    expect(await loadFrom(text.padEnd(MOST_BYTES + 1))).toBeUndefined();
  });
});

test('what can not be read or written is told of with its directory', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, FILE));
  const told = { code: 'files', message: expect.stringContaining(`the directory ${folder} can't`) };
  await expect(loadLists(folder)).rejects.toMatchObject(told);
  await expect(storeLists(folder, { lists })).rejects.toMatchObject(told);
  await writeFile(join(folder, 'file'), '');
  await expect(storeLists(join(folder, 'file'), { lists })).rejects.toMatchObject({
    code: 'files',
  });
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('');
});
