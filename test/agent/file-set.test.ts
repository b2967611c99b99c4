import { readdirSync } from 'node:fs';
import {
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import {
  amendFileSet,
  makeLink,
  readFileSet,
  readSetFile,
  writeFileSet,
} from '../../agent/file-set.ts';
import { temporaryFolder } from './folder.ts';
import { takeAway } from './taken-away.ts';

const at = new Date('2026-11-20T19:05:00Z');
const set = (files: Record<string, string>) => new Map(Object.entries(files));
const versionsIn = async (folder: string) =>
  (await readdir(folder)).filter((name) => /^\.\.\d/.test(name));

test('writes files that only their owner can read, in a directory that it makes', async () => {
  const folder = join(await temporaryFolder(), 'deep', 'identity');
  await writeFileSet(folder, set({ key: 'secret\n', tlscert: 'pem\n' }), at);
  expect(await readFile(join(folder, 'key'), 'utf8')).toBe('secret\n');
  const mode = async (name: string) => (await lstat(join(folder, name))).mode & 0o777;
  expect(await mode('..data/key')).toBe(0o600);
  expect(await mode('.')).toBe(0o700);
  expect(await mode(await readlink(join(folder, '..data')))).toBe(0o700);
});

test('changes all files by renaming one link, and removes the version before', async () => {
  const folder = await temporaryFolder();
  await writeFileSet(folder, set({ key: '1', tlscert: '1' }), at);
  const [first] = await versionsIn(folder);
  await writeFileSet(folder, set({ key: '2', tlscert: '2' }), new Date(at.getTime() + 60_000));
  expect(await readFile(join(folder, 'key'), 'utf8')).toBe('2');
  expect(await readlink(join(folder, 'key'))).toBe('..data/key');
  const [second, ...more] = await versionsIn(folder);
  expect(second).toMatch(/^\.\.2026_11_20_19_06_00\./);
  expect(second).not.toBe(first);
  expect(more).toEqual([]);
});

test('takes away the name of a file that is no longer in the set', async () => {
  const folder = await temporaryFolder();
  await writeFileSet(folder, set({ key: '1', sshcert: '1' }), at);
  await writeFileSet(folder, set({ key: '2' }), at);
  expect((await readdir(folder)).filter((name) => !name.startsWith('..'))).toEqual(['key']);
});

describe('files that stay', () => {
  const kept = new Map([['list', Buffer.from('empty')]]);

  test('are what they are by default, until they are something else', async () => {
    const folder = await temporaryFolder();
    const list = () => readFile(join(folder, 'list'), 'utf8');
    await writeFileSet(folder, set({ key: '1' }), at, undefined, kept);
    expect(await list()).toBe('empty');
    await writeFileSet(folder, set({ key: '2', list: 'new' }), at, undefined, kept);
    await writeFileSet(folder, set({ key: '3' }), at, undefined, kept);
    expect([await list(), await readFile(join(folder, 'key'), 'utf8')]).toEqual(['new', '3']);
  });

  test('are made anew where somebody has emptied them', async () => {
    const folder = await temporaryFolder();
    await writeFileSet(folder, set({ key: '1', list: 'new' }), at);
    await writeFile(join(folder, 'list'), '');
    await writeFileSet(folder, set({ key: '2' }), at, undefined, kept);
    expect(await readFile(join(folder, 'list'), 'utf8')).toBe('empty');
  });

  test('are left out where nothing is there to stay', async () => {
    const folder = await temporaryFolder();
    await writeFileSet(folder, set({ key: '1' }), at, undefined, new Map([['list', undefined]]));
    expect(await readdir(folder)).not.toContain('list');
  });
});

describe('a set of which one file is replaced', () => {
  test('keeps all others as they are, in folders too, and changes as one', async () => {
    const folder = await temporaryFolder();
    const before = set({
      key: '1',
      list: 'old',
      'certs/ca.crt': 'ca',
      '..record': 'seen by nobody',
    });
    await writeFileSet(folder, before, at);
    const [version] = await versionsIn(folder);
    const prepared: string[] = [];
    const note = async (path: string) => void prepared.push(await readFile(`${path}/key`, 'utf8'));
    expect(await amendFileSet(folder, set({ list: 'new' }), at, note)).toBe(true);
    expect(await readFileSet(folder, ['key', 'list', 'certs/ca.crt', '..record'])).toEqual(
      set({ key: '1', list: 'new', 'certs/ca.crt': 'ca', '..record': 'seen by nobody' }),
    );
    expect(await versionsIn(folder)).not.toContain(version);
    expect(await readFile(join(folder, 'list'), 'utf8')).toBe('new');
    expect(prepared).toEqual(['1']);
  });

  test.each([
    [
      'the version',
      async (folder: string, secret: string, version: string) => {
        await rename(join(folder, version), join(folder, 'ours'));
        await symlink(secret, join(folder, version));
      },
      { readable: false, stays: false },
    ],
    [
      'a folder of it',
      async (folder: string, secret: string, version: string) => {
        await rename(join(folder, version, 'certs'), join(folder, 'ours'));
        await symlink(secret, join(folder, version, 'certs'));
      },
      { readable: true, stays: true },
    ],
    [
      'a file of it',
      async (folder: string, secret: string, version: string) => {
        await rename(join(folder, version, 'list'), join(folder, 'ours'));
        await symlink(join(secret, 'shadow'), join(folder, version, 'list'));
      },
      { readable: true, stays: false },
    ],
  ])(
    'hands out nothing that a link in the place of %s leads to',
    async (_, link, { readable, stays }) => {
      const [folder, secret] = [await temporaryFolder(), await temporaryFolder()];
      await writeFile(join(secret, 'shadow'), 'of root');
      await writeFile(join(secret, 'list'), 'of root');
      await writeFileSet(folder, set({ key: '1', list: 'old', 'certs/ca.crt': 'ca' }), at);
      const [version = ''] = await versionsIn(folder);
      await link(folder, secret, version);
      const kept = new Map([['list', Buffer.from('empty')]]);
      const amended = amendFileSet(folder, set({ key: '2' }), at);
      if (readable) expect(await amended).toBe(true);
      else await expect(amended).rejects.toMatchObject({ code: 'files' });
      await writeFileSet(folder, set({ key: '3' }), at, undefined, kept);
      expect(await readFile(join(folder, 'list'), 'utf8')).toBe(stays ? 'old' : 'empty');
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const texts = entries
        .filter((entry) => entry.isFile() && entry.parentPath !== join(folder, 'ours'))
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8'));
      expect(await Promise.all(texts)).not.toContain('of root');
      expect(await readFile(join(secret, 'shadow'), 'utf8')).toBe('of root');
    },
  );

  test.skipIf(process.getuid?.() !== 0)('and takes none of what is not its own', async () => {
    const folder = await temporaryFolder();
    await writeFileSet(folder, set({ key: '1', list: 'old' }), at);
    const [version = ''] = await versionsIn(folder);
    await chown(join(folder, version), 65_534, 65_534);
    await expect(amendFileSet(folder, set({ key: '2' }), at)).rejects.toThrow(
      'was not made by joinbot',
    );
    const kept = new Map([['list', Buffer.from('empty')]]);
    await writeFileSet(folder, set({ key: '3' }), at, undefined, kept);
    expect(await readFileSet(folder, ['key', 'list'])).toEqual(set({ key: '3', list: 'empty' }));
  });

  test.skipIf(process.getuid?.() !== 0)('and leaves out a folder that is not its own', async () => {
    const folder = await temporaryFolder();
    await writeFileSet(folder, set({ key: '1', 'certs/ca.crt': 'ca' }), at);
    await chown(join(folder, '..data', 'certs'), 65_534, 65_534);
    expect(await amendFileSet(folder, set({ list: 'new' }), at)).toBe(true);
    const shown = (await readdir(folder)).filter((name) => !name.startsWith('..'));
    expect(shown).toEqual(['key', 'list']);
  });

  test('is not made where there is none', async () => {
    const folder = await temporaryFolder();
    expect(await amendFileSet(folder, set({ list: 'new' }), at)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });
});

test('leaves files of other names alone', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'README'), 'mine');
  await writeFileSet(folder, set({ key: '1' }), at);
  await writeFileSet(folder, set({ key: '2' }), at);
  expect(await readFile(join(folder, 'README'), 'utf8')).toBe('mine');
});

test.each([
  ['a file', (path: string) => writeFile(path, 'mine')],
  ['a folder', (path: string) => mkdir(path)],
  ['a link to somewhere else', (path: string) => symlink('/etc/hostname', path)],
])('refuses, and changes nothing, where %s has one of the names', async (_, make) => {
  const folder = await temporaryFolder();
  await make(join(folder, 'tlscert'));
  const writing = writeFileSet(folder, set({ key: '1', tlscert: '1' }), at);
  await expect(writing).rejects.toThrow(
    `${join(folder, 'tlscert')} is there already and was not made by joinbot: move it away, or choose another directory`,
  );
  expect(await readdir(folder)).toEqual(['tlscert']);
});

test.each([
  ['a link to somewhere else', (path: string) => symlink('/etc', path)],
  ['no link', (path: string) => mkdir(path)],
])('refuses a ..data that is %s', async (_, make) => {
  const folder = await temporaryFolder();
  await make(join(folder, '..data'));
  await expect(writeFileSet(folder, set({ key: '1' }), at)).rejects.toThrow(
    '..data is there already and was not made by joinbot',
  );
  expect(await readdir(folder)).toEqual(['..data']);
});

test('cleans up after a writer that died before the switch, and keeps what was current', async () => {
  const folder = await temporaryFolder();
  await writeFileSet(folder, set({ key: '1' }), at);
  const half = join(folder, '..2026_11_20_19_07_00.AbCdEf');
  await mkdir(half);
  await writeFile(join(half, 'key'), 'half');
  await symlink('..2026_11_20_19_07_00.AbCdEf', join(folder, '..data_tmp'));
  expect((await readFileSet(folder, ['key']))?.get('key')).toBe('1');
  await writeFileSet(folder, set({ key: '2' }), at);
  expect(await readFile(join(folder, 'key'), 'utf8')).toBe('2');
  expect(await versionsIn(folder)).toHaveLength(1);
});

test('finishes the work of a writer that died after the switch', async () => {
  const folder = await temporaryFolder();
  await writeFileSet(folder, set({ key: '1' }), at);
  const dead = '..2026_11_20_19_07_00.AbCdEf';
  await mkdir(join(folder, dead));
  await writeFile(join(folder, dead, 'key'), '2');
  await symlink(dead, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  expect(await readFile(join(folder, 'key'), 'utf8')).toBe('2');
  await writeFileSet(folder, set({ key: '3', tlscert: '3' }), at);
  expect(await versionsIn(folder)).toHaveLength(1);
  expect(await readFile(join(folder, 'tlscert'), 'utf8')).toBe('3');
});

test('says in plain words that a part of the path is a file', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  await expect(writeFileSet(join(folder, 'file', 'x'), set({ key: '1' }), at)).rejects.toThrow(
    `the directory ${join(folder, 'file', 'x')} can't be used: a part of the path is not a directory`,
  );
});

test('reads one file as it is, if it is there', async () => {
  const folder = await temporaryFolder();
  expect(await readSetFile(folder, 'key')).toBeUndefined();
  await writeFileSet(folder, set({ key: '1' }), at);
  expect(await readSetFile(folder, 'key')).toEqual(Buffer.from('1'));
  await expect(readSetFile(join(folder, 'key'), 'key')).rejects.toThrow(
    `the directory ${join(folder, 'key')} can't be used: a part of the path is not a directory`,
  );
});

test('reads nothing from a directory that is not there, or lacks a file', async () => {
  const folder = await temporaryFolder();
  expect(await readFileSet(join(folder, 'none'), ['key'])).toBeUndefined();
  await writeFileSet(folder, set({ key: '1' }), at);
  expect(await readFileSet(folder, ['key', 'state.json'])).toBeUndefined();
});

test.each(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'])(
  'says what is the matter on a file system without links (%s)',
  async (code) => {
    const folder = await temporaryFolder();
    const none = async (): Promise<void> => {
      throw Object.assign(new Error(code), { code });
    };
    await expect(makeLink('a', join(folder, 'b'), none)).rejects.toMatchObject({
      code: 'files',
      message: expect.stringContaining(
        `the file system of ${folder} has no symbolic links, and files that belong together change by one`,
      ),
      cause: { code },
    });
  },
);

test('a link that can not be made for another reason is told as it is', async () => {
  const folder = await temporaryFolder();
  await makeLink('a', join(folder, 'b'));
  await expect(makeLink('a', join(folder, 'b'))).rejects.toMatchObject({ code: 'EEXIST' });
});

describe('takes for a version of its own only what is named so, and nothing like it:', () => {
  test.each([
    'x..2026_11_20_19_07_00.AbCdEf',
    '..2026_11_20_19_07_00.AbCdEf.old',
    '..2026_11_20_19_07.AbCdEf',
    '..2026_11_20_19_07_00.AbCdE-',
  ])('%s', async (name) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, name));
    await writeFileSet(folder, set({ key: '1' }), at);
    expect(await readdir(folder)).toContain(name);
    await rename(join(folder, '..data'), join(folder, 'ours'));
    await symlink(name, join(folder, '..data'));
    await expect(readFileSet(folder, ['key'])).rejects.toMatchObject({ code: 'files' });
  });
});

test('leaves no half of a version behind where one of its files can not be written', async () => {
  const folder = await temporaryFolder();
  await writeFileSet(folder, set({ key: '1' }), at);
  const writing = writeFileSet(folder, set({ key: '2', certs: '2', 'certs/ca.crt': '2' }), at);
  await expect(writing).rejects.toThrow('something else is there');
  expect(await versionsIn(folder)).toHaveLength(1);
  expect(await readFile(join(folder, 'key'), 'utf8')).toBe('1');
});

test('writes folders, of which only the first part is a name to be seen', async () => {
  const folder = await temporaryFolder();
  const files = { 'certs/ca.crt': 'ca', 'certs/node.crt': 'node', '..hidden': 'x' };
  await writeFileSet(folder, set(files), at);
  expect(await readlink(join(folder, 'certs'))).toBe('..data/certs');
  expect(await readFile(join(folder, 'certs/node.crt'), 'utf8')).toBe('node');
  expect(await readFile(join(folder, '..data/..hidden'), 'utf8')).toBe('x');
  const seen = (await readdir(folder)).filter((name) => !/^\.\.(?:data$|\d)/.test(name));
  expect(seen).toEqual(['certs']);
});

test.skipIf(process.getuid?.() !== 0)(
  'a version that has become that of somebody else is given no file, and is told of',
  async () => {
    const folder = await temporaryFolder();
    const prepare = () => expect.unreachable('others are let in');
    const writing = writeFileSet(folder, set({ key: '1' }), at, prepare);
    const taking = takeAway(folder);
    await expect(writing).rejects.toMatchObject({
      code: 'files',
      message: expect.stringMatching(
        /^somebody else writes to .+: .+ is no longer what joinbot has made$/,
      ),
    });
    await taking;
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('what fails as somebody moves a version away is told as it is', async () => {
  const folder = await temporaryFolder();
  const writing = writeFileSet(folder, set({ key: '1' }), at, async () => {
    const [name = ''] = await versionsIn(folder);
    await rename(join(folder, name), join(folder, 'moved'));
    throw new Error('no setfacl');
  });
  await expect(writing).rejects.toThrow('no setfacl');
});
