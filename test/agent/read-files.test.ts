import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { printable } from '../../agent/printable.ts';
import { readConfigAt, readText } from '../../agent/read-files.ts';
import { temporaryFolder } from './folder.ts';

const inFolder = async (): Promise<string> => join(await temporaryFolder(), 'file\u001b');

describe('a file that people write', () => {
  test('is read as UTF-8, and as a config with its own name', async () => {
    const path = await inFolder();
    await writeFile(path, 'version: v2\nproxy_server: é.example.com\n');
    expect(readText(path)).toContain('é.example.com');
    expect(readConfigAt(path).value).toMatchObject({ version: 'v2' });
  });

  test('may not be there: as a text that is none, as a config that is a failure', async () => {
    const path = await inFolder();
    expect(readText(path)).toBeUndefined();
    expect(() => readConfigAt(path)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: `${printable(path)}: there is no such file`,
      }),
    );
  });
});

describe('a failure names the file', () => {
  const failure = (path: string, why: string) =>
    expect.objectContaining({
      code: 'config',
      message: expect.stringContaining(`${printable(path)}: ${why}`),
    });

  test('that is no UTF-8', async () => {
    const path = await inFolder();
    await writeFile(path, Buffer.of(0x61, 0xff));
    expect(() => readText(path)).toThrow(failure(path, 'expected UTF-8'));
  });

  test('that can not be read, and why', async () => {
    const path = await inFolder();
    await mkdir(path);
    const read = () => readText(path);
    expect(read).toThrow(failure(path, "it can't be read (EISDIR)"));
    expect(read).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ code: 'EISDIR' }) }),
    );
  });
});
