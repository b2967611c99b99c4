import { lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCertificateCache } from '../../agent/certificate-cache.ts';
import { createLog } from '../../agent/log.ts';
import { temporaryFolder } from './folder.ts';

const FILE = 'issuing-certificates.json';
const url = (n: number): string => `http://pki.example/${n}.crt`;
const DER = Buffer.of(0x30, 0x00);

async function open(directory?: string) {
  const lines: string[] = [];
  const log = createLog({
    format: 'text',
    debug: false,
    write: (line) => lines.push(line),
    now: () => new Date(0),
  });
  return { cache: await openCertificateCache(directory, log), lines };
}

test('without a directory certificates are kept in memory', async () => {
  const { cache, lines } = await open();
  expect(cache.get(url(1))).toBeUndefined();
  await cache.put(url(1), DER);
  expect(cache.get(url(1))).toEqual(DER);
  expect((await open()).cache.get(url(1))).toBeUndefined();
  expect(lines).toEqual([]);
});

test('with one they outlive the process, in a file of the owner alone', async () => {
  const directory = join(await temporaryFolder(), 'deep', 'storage');
  const { cache } = await open(directory);
  await cache.put(url(1), DER);
  await cache.put(url(2), DER);
  const again = (await open(directory)).cache;
  expect([again.get(url(1)), again.get(url(2))]).toEqual([DER, DER]);
  const mode = async (path: string) => (await lstat(path)).mode & 0o777;
  expect(await mode(directory)).toBe(0o700);
  expect(await mode(join(directory, FILE))).toBe(0o600);
});

test('of 33 addresses only the last is kept: nobody fills the memory', async () => {
  const { cache } = await open();
  for (let i = 1; i <= 32; i += 1) await cache.put(url(i), DER);
  expect(cache.get(url(1))).toEqual(DER);
  await cache.put(url(33), DER);
  expect([cache.get(url(1)), cache.get(url(32)), cache.get(url(33))]).toEqual([
    undefined,
    undefined,
    DER,
  ]);
});

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['numbers', '{"a":1}'],
])('a file with %s is as none', async (_, text) => {
  const directory = await temporaryFolder();
  await writeFile(join(directory, FILE), text);
  const { cache } = await open(directory);
  expect(cache.get('a')).toBeUndefined();
  await cache.put(url(1), DER);
  expect((await open(directory)).cache.get(url(1))).toEqual(DER);
});

test('what is no base64 is no certificate', async () => {
  const directory = await temporaryFolder();
  await writeFile(join(directory, FILE), JSON.stringify({ [url(1)]: '!' }));
  expect((await open(directory)).cache.get(url(1))).toBeUndefined();
});

test('where the file can not be written, the certificate is there all the same, and the log says so', async () => {
  const directory = await temporaryFolder();
  await writeFile(join(directory, 'file'), 'mine');
  const { cache, lines } = await open(join(directory, 'file'));
  await cache.put(url(1), DER);
  expect(cache.get(url(1))).toEqual(DER);
  expect(lines).toEqual([
    expect.stringContaining("WARN  downloaded certificates can't be kept in"),
  ]);
  expect(lines[0]).toContain('downloaded again after a restart');
  expect(await readFile(join(directory, 'file'), 'utf8')).toBe('mine');
});
