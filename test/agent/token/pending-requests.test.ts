/** Requests that may have been carried out, as they lie on the disk: with keys that nobody else has. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type PendingRequest,
  pendingRequests,
  replacedBy,
} from '../../../agent/token/pending-requests.ts';
import { certificationRequest } from '../../../shared/encoding/certification-request-encode.ts';
import type { JoinRequest } from '../../../shared/protocol/join.ts';
import { temporaryFolder } from '../folder.ts';

const TOKEN = `sha256:${'0123456789abcdef'.repeat(4)}`;
const FILE = 'requests-0123456789abcdef.json';
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function pending(...keys: [KeyObject, ...KeyObject[]]): PendingRequest {
  const request: JoinRequest = {
    broker: 'test.example.org',
    id: '0a1b2c3d-1111-4111-8111-111111111111',
    token: TOKEN,
    join_method: 'token',
    role: 'Bot',
    certificates: keys.map((key, i) => ({ name: `c${i}`, csr: certificationRequest(key) })),
  };
  return { text: JSON.stringify(request), request, keys };
}

test('come back as they were, from a file for its owner alone', async () => {
  const folder = await temporaryFolder();
  const store = pendingRequests(folder, TOKEN);
  expect(await store.load()).toEqual([]);
  const sent = [pending(newKey(), newKey()), pending(newKey())];
  await store.store(sent);
  const loaded = await store.load();
  expect(loaded.map(({ text, request }) => ({ text, request }))).toEqual(
    sent.map(({ text, request }) => ({ text, request })),
  );
  const pairs = sent.flatMap(({ keys }, i) => keys.map((key, j) => [key, loaded[i]?.keys[j]]));
  expect(pairs.map(([key, other]) => other && key?.equals(other))).toEqual([true, true, true]);
  expect(await readdir(folder)).toEqual([FILE]);
  expect((await stat(join(folder, FILE))).mode & 0o777).toBe(0o600);
});

test('are forgotten with those of other secrets and what a crash left, and nothing else is', async () => {
  const folder = await temporaryFolder();
  const others = [
    'requests-0.json',
    `x${FILE}`,
    `${FILE}.new.old`,
    'requests-0123456789abcdeg.json',
  ];
  const gone = [FILE, FILE.replace('0', 'f'), `${FILE}.new`];
  for (const name of [...others, ...gone]) await writeFile(join(folder, name), '');
  const store = pendingRequests(folder, TOKEN);
  await store.clear();
  expect((await readdir(folder)).toSorted()).toEqual(others.toSorted());
  await store.clear();
});

describe('nothing is sent where they', () => {
  const bent: readonly (readonly [string, (state: Stored) => unknown, string])[] = [
    ['are no JSON', () => '{', 'expected JSON'],
    ['are of another version', (state) => ({ ...state, version: 2 }), 'version: '],
    ['say more', (state) => ({ ...state, more: 1 }), 'more: '],
    [
      'hold what is no request',
      ({ requests: [first] }) => ({ version: 1, requests: [{ ...first, request: '{}' }] }),
      'request: ',
    ],
    [
      'hold what is no key',
      ({ requests: [first] }) => ({ version: 1, requests: [{ ...first, keys: ['x'] }] }),
      'expected private keys',
    ],
    [
      'hold no key',
      ({ requests: [first] }) => ({ version: 1, requests: [{ ...first, keys: [] }] }),
      'expected at least one key',
    ],
  ];
  interface Stored {
    readonly version: number;
    readonly requests: readonly { readonly request: string; readonly keys: readonly string[] }[];
  }

  test.each(bent)('%s', async (_, bend, why) => {
    const folder = await temporaryFolder();
    const path = join(folder, FILE);
    const store = pendingRequests(folder, TOKEN);
    await store.store([pending(newKey())]);
    const changed = bend(JSON.parse(await readFile(path, 'utf8')) as Stored);
    await writeFile(path, typeof changed === 'string' ? changed : JSON.stringify(changed));
    const failure = await store.load().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'files',
      message: expect.stringMatching(/ can't be read \(.*\): put it back as it was, or remove it/),
    });
    expect(String(failure)).toContain(`${path} can't be read (`);
    expect(String(failure)).toContain(why);
  });

  test.each(['load', 'clear'] as const)('can not be reached, to %s', async (act) => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(pendingRequests(file, TOKEN)[act]()).rejects.toMatchObject({ code: 'files' });
  });

  test('can not be written', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(pendingRequests(file, TOKEN).store([])).rejects.toMatchObject({ code: 'files' });
  });
});

test('a request replaces the generation that it names, and a first one none', () => {
  const first = pending(newKey());
  expect(replacedBy(first)).toBe(0);
  const instance = { id: '0a1b2c3d-1111-4111-8111-111111111111', generation: 3 };
  expect(replacedBy({ ...first, request: { ...first.request, instance } })).toBe(3);
});
