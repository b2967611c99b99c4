/** Who could put something else in the place of a directory: whoever may write it, or one above it. */
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { refuseOpenToOthers } from '../../agent/safe-directory.ts';
import { temporaryFolder } from './folder.ts';

const refuse = (place: string) => refuseOpenToOthers(place, 'who could take its place');
const NOBODY = 65_534;

/** A folder in a folder of the test's own; `/tmp` above them is open, but nobody may move there what others have. */
async function folders() {
  const above = await temporaryFolder();
  const place = join(above, 'place');
  await mkdir(place, { mode: 0o700 });
  return { above, place };
}

test('a directory that only its owner may write is safe, and so is a file in it', async () => {
  const { place } = await folders();
  await writeFile(join(place, 'file'), '', { mode: 0o644 });
  for (const path of [place, join(place, 'file'), '/'])
    await expect(refuse(path)).resolves.toBeUndefined();
});

describe('is refused, with what could happen, where', () => {
  test.each([0o720, 0o702, 0o772, 0o777])('its mode is %o', async (mode) => {
    const { above, place } = await folders();
    await chmod(place, mode);
    await expect(refuse(place)).rejects.toMatchObject({
      code: 'files',
      message: `${place} can be written by others than its owner, who could take its place`,
    });
    await chmod(place, 0o700);
    await chmod(above, mode);
    await expect(refuse(place)).rejects.toThrow(`${above} can be written by others`);
  });

  test('a file can be written by others', async () => {
    const { place } = await folders();
    const file = join(place, 'file');
    await writeFile(file, '');
    await chmod(file, 0o622);
    await expect(refuse(file)).rejects.toThrow(`${file} can be written by others`);
  });

  test('a link leads to what can be written by others', async () => {
    const { above, place } = await folders();
    await chmod(place, 0o722);
    await symlink(place, join(above, 'link'));
    await expect(refuse(join(above, 'link'))).rejects.toThrow(`${place} can be written`);
  });

  test.skipIf(process.getuid?.() !== 0)('it is that of another user', async () => {
    const { above, place } = await folders();
    for (const path of [place, above]) {
      await chown(path, NOBODY, NOBODY);
      await expect(refuse(place)).rejects.toThrow(
        `${path} belongs to somebody else than root, who could take its place`,
      );
      await chown(path, 0, 0);
    }
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'what is of root or of whoever runs this is safe',
  async () => {
    const { place } = await folders();
    await chown(place, NOBODY, NOBODY);
    const refused = (own: number) => refuseOpenToOthers(place, 'who could take its place', own);
    await expect(refused(NOBODY)).resolves.toBeUndefined();
    await expect(refused(NOBODY - 1)).rejects.toThrow('belongs to somebody else than root');
  },
);

test('where others may make files, and not move those of others, is safe', async () => {
  const { place } = await folders();
  await chmod(place, 0o1777);
  await expect(refuse(place)).resolves.toBeUndefined();
});

test('what is not there is said in words', async () => {
  const { place } = await folders();
  await expect(refuse(join(place, 'none'))).rejects.toMatchObject({
    code: 'files',
    message: expect.stringContaining(`the directory ${join(place, 'none')} can't be used`),
  });
});
