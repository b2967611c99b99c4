import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeDurably } from '../../agent/durable-file.ts';
import { temporaryFolder } from './folder.ts';

const SECRET = 'a private key';

test('replaces a file as a whole, for its owner alone', async () => {
  const folder = await temporaryFolder();
  await writeDurably(folder, 'file', 'old');
  await writeDurably(folder, 'file', SECRET);
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe(SECRET);
  expect((await stat(join(folder, 'file'))).mode & 0o777).toBe(0o600);
});

test('writes through no link that somebody left in the place of the new file', async () => {
  const folder = await temporaryFolder();
  const elsewhere = join(await temporaryFolder(), 'elsewhere');
  await symlink(elsewhere, join(folder, 'file.new'));
  await writeDurably(folder, 'file', SECRET);
  await expect(stat(elsewhere)).rejects.toThrow('ENOENT');
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe(SECRET);
});

test('writes into no file that was there before: its mode may be open to all', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file.new'), 'left over');
  await chmod(join(folder, 'file.new'), 0o666);
  await writeDurably(folder, 'file', SECRET);
  expect((await stat(join(folder, 'file'))).mode & 0o777).toBe(0o600);
});
