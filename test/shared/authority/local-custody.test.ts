import { execFile } from 'node:child_process';
import { verify } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { openLocalCustody } from '../../../shared/authority/local-custody.ts';
import { decrypt } from '../../../shared/authority/sealing.ts';

function newFile(...below: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'custody-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, ...below, 'key');
}

const DATA_KEY = Buffer.alloc(32, 7);

test('makes the key once, for its owner only', async () => {
  const file = newFile('deeper', 'still');
  const wrapped = await openLocalCustody(file).wrapDataKey(DATA_KEY, 'about');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
  expect(readFileSync(file)).toHaveLength(32);
  expect(readdirSync(join(file, '..'))).toEqual(['key']);
  expect(await openLocalCustody(file).unwrapDataKey(wrapped, 'about')).toEqual(DATA_KEY);
});

test('what one custody wrapped no other unwraps', async () => {
  const wrapped = await openLocalCustody(newFile()).wrapDataKey(DATA_KEY, 'about');
  expect(await openLocalCustody(newFile()).unwrapDataKey(wrapped, 'about')).toBeUndefined();
});

test('a data key is good only for what it was wrapped with', async () => {
  const custody = openLocalCustody(newFile());
  const wrapped = await custody.wrapDataKey(DATA_KEY, 'data/1 of this cluster');
  expect(await custody.unwrapDataKey(wrapped, 'data/2 of this cluster')).toBeUndefined();
});

/** Data keys that were wrapped so are in tables. */
test('a data key is encrypted under the bytes of the file, as what it is', async () => {
  const file = newFile();
  const wrapped = await openLocalCustody(file).wrapDataKey(DATA_KEY, 'about');
  const text = Buffer.from('join-broker data key\nabout');
  expect(decrypt(readFileSync(file), wrapped, text)).toEqual(DATA_KEY);
});

test.each(['{}', '{"cluster":"c"}', '{"cluster":"c","root":"","more":1}', 'no JSON'])(
  'refuses a file that remembers %s',
  (text) => {
    const file = newFile();
    writeFileSync(file, Buffer.concat([Buffer.alloc(32), Buffer.from(text)]), { mode: 0o600 });
    expect(() => openLocalCustody(file)).toThrow('and what is remembered');
  },
);

test('refuses a place where there can be no file, and leaves nothing behind', () => {
  const file = newFile();
  openLocalCustody(file);
  expect(() => openLocalCustody(join(file, 'key'))).toThrow();
  expect(readdirSync(join(file, '..'))).toEqual(['key']);
});

test('says what keeps the file from being made', () => {
  const file = `${newFile()}${'x'.repeat(248)}`;
  expect(() => openLocalCustody(file)).toThrow('ENAMETOOLONG');
});

test('refuses a link to a file that is not there, and makes none in its place', () => {
  const file = newFile();
  symlinkSync('nowhere', file);
  expect(() => openLocalCustody(file)).toThrow('went away while it was made');
  expect(readdirSync(join(file, '..'))).toEqual(['key']);
});

test('does not say that no root was made where its file is gone', async () => {
  const file = newFile();
  const custody = openLocalCustody(file);
  await custody.createRootKey('test.example.org');
  rmSync(file);
  await expect(custody.rememberedRoot()).rejects.toThrow('is gone, and with it what it remembered');
});

test.each([0o640, 0o604, 0o620, 0o666, 0o700 | 0o010])('refuses a file of mode %o', (mode) => {
  const file = newFile();
  openLocalCustody(file);
  chmodSync(file, mode);
  expect(() => openLocalCustody(file)).toThrow('may be read by other users: expected mode 0600');
});

test.each([0, 31, 33])('refuses a file of %i bytes, and leaves it alone', (length) => {
  const file = newFile();
  writeFileSync(file, Buffer.alloc(length), { mode: 0o600 });
  expect(() => openLocalCustody(file)).toThrow('holds no key: expected 32 bytes');
  expect(readFileSync(file)).toHaveLength(length);
});

test('processes that start at once end up with the same key', async () => {
  const file = newFile('new');
  const source = new URL('../../../shared/authority/local-custody.ts', import.meta.url).href;
  const script = `
    const { openLocalCustody } = await import(${JSON.stringify(source)});
    const custody = openLocalCustody(${JSON.stringify(file)});
    console.log(Buffer.from(await custody.wrapDataKey(Buffer.alloc(32, 7), 'about')).toString('base64'));`;
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const answers = await Promise.all([run(), run(), run()]);
  const custody = openLocalCustody(file);
  for (const { stdout } of answers)
    expect(await custody.unwrapDataKey(Buffer.from(stdout, 'base64'), 'about')).toEqual(DATA_KEY);
  expect(readdirSync(join(file, '..'))).toEqual(['key']);
});

test('remembers which root was made last, and for which cluster', async () => {
  const file = newFile();
  const custody = openLocalCustody(file);
  const wrapped = await custody.wrapDataKey(DATA_KEY, 'about');
  expect(await custody.rememberedRoot()).toBeUndefined();
  await custody.createRootKey('first.example.org');
  const { publicKey } = await custody.createRootKey('test.example.org');
  const another = openLocalCustody(file);
  expect(await another.rememberedRoot()).toEqual({
    cluster: 'test.example.org',
    publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
  });
  expect(await another.unwrapDataKey(wrapped, 'about')).toEqual(DATA_KEY);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(file, '..'))).toEqual(['key']);
});

test('a root key signs with ECDSA P-384 and SHA-384', async () => {
  const custody = openLocalCustody(newFile());
  const { publicKey, handle } = await custody.createRootKey('test.example.org');
  const signature = await custody.signWithRoot(handle, Buffer.from('message'));
  expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp384r1');
  expect(verify('sha384', Buffer.from('message'), publicKey, signature)).toBe(true);
});
