import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  codeOf,
  orUndefined,
  plainError,
  sayFileError,
  withPlainErrors,
  writeDurably,
} from '../../agent/durable-file.ts';
import { Failure } from '../../agent/failure.ts';
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

const errorOf = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: what the system says`), { code, ...(path && { path }) });

describe('what is not there is nothing, and anything else that fails is told:', () => {
  test.each(['ENOENT', 'EINVAL'])('%s', async (code) => {
    expect(await orUndefined(Promise.reject(errorOf(code)))).toBeUndefined();
  });

  test.each([errorOf('EACCES'), new Error('ENOENT')])('%s', async (error) => {
    await expect(orUndefined(Promise.reject(error))).rejects.toBe(error);
  });

  test('and what is there is given', async () => {
    expect(await orUndefined(Promise.resolve('here'))).toBe('here');
  });
});

test('the code of an error is that of the system alone', () => {
  expect(codeOf(errorOf('ENOENT'))).toBe('ENOENT');
  expect(codeOf(new Error('ENOENT'))).toBe('');
  expect(codeOf({ code: 'ENOENT' })).toBe('');
});

describe('an error of the file system becomes a failure that says in words what it is:', () => {
  const OWNER = 'permission denied: give the directory to the user that joinbot runs as';
  const words: readonly (readonly [string, string])[] = [
    ['EACCES', OWNER],
    ['EPERM', OWNER],
    ['ENOSPC', 'the disk is full'],
    ['EDQUOT', 'the quota of the disk is used up'],
    ['ENAMETOOLONG', 'the path is too long'],
    ['ELOOP', 'links lead around in a circle'],
    ['EIO', 'the disk fails'],
    ['EROFS', 'the file system is read-only'],
    ['ENOTDIR', 'a part of the path is not a directory'],
    ['ENOENT', 'it was removed meanwhile, or another joinbot writes to it'],
    ['EEXIST', 'something else is there, or another joinbot writes to it'],
    ['EMFILE', 'EMFILE'],
  ];

  test.each(words)('%s', async (code, said) => {
    const error = errorOf(code, '/a/key');
    expect(sayFileError(error)).toBe(said);
    expect(plainError(error)).toMatchObject({
      code: 'files',
      message: `/a/key can't be used: ${said}`,
      cause: error,
    });
    expect(plainError(errorOf(code))).toMatchObject({ message: `a file can't be used: ${said}` });
    await expect(withPlainErrors('/a', () => Promise.reject(error))).rejects.toMatchObject({
      code: 'files',
      message: `the directory /a can't be used: ${said}`,
      cause: error,
    });
  });

  test.each([
    new Failure('busy', 'somebody works there'),
    new TypeError('x is not a function'),
    'text',
  ])('but %s stays what it is', async (error) => {
    expect(plainError(error)).toBe(error);
    await expect(withPlainErrors('/a', () => Promise.reject(error))).rejects.toBe(error);
  });

  test.each(['ERR_INVALID_ARG', 'XENOENT', 'ENOENT x', 'E'])(
    'and %s is no code of a file system',
    (code) => {
      const error = errorOf(code);
      expect(plainError(error)).toBe(error);
    },
  );

  test('of what is no error of the system the text is said', async () => {
    expect(sayFileError(new Error('x'))).toBe('Error: x');
    expect(await withPlainErrors('/a', async () => 'done')).toBe('done');
  });
});
