import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isGood, type WrittenIdentity, writtenIdentity } from '../../agent/written-identity.ts';
import { temporaryFolder } from './folder.ts';

test('what is no certificate is as good as none', async () => {
  const directory = await temporaryFolder();
  expect(await writtenIdentity(directory)).toBeUndefined();
  await writeFile(join(directory, 'tlscert'), 'nonsense');
  expect(await writtenIdentity(directory)).toBeUndefined();
});

test('a certificate is good from its first moment on, and over at its last', () => {
  const at = (ms: number) => new Date(ms);
  const identity = { tls: { validFromDate: at(10), validToDate: at(20) } } as WrittenIdentity;
  expect([9, 10, 19, 20].map((ms) => isGood(identity, at(ms)))).toEqual([false, true, true, false]);
});
