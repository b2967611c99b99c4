import { expect, test } from 'vitest';
import { readingCustody } from '../../../shared/authority/custody.ts';
import { createMemoryCustody } from '../../broker/memory-custody.ts';

test('custody that reads opens what was wrapped, and knows the root', async () => {
  const custody = createMemoryCustody();
  const wrapped = await custody.wrapDataKey(Buffer.from('data key'), 'about');
  const { publicKey } = await custody.createRootKey('example.org');
  const reading = readingCustody(custody);
  expect(Buffer.from((await reading.unwrapDataKey(wrapped, 'about')) ?? []).toString()).toBe(
    'data key',
  );
  expect(await reading.rememberedRoot()).toMatchObject({
    cluster: 'example.org',
    publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
  });
});

test('it wraps nothing, makes no root and signs nothing, whatever custody could', async () => {
  const custody = createMemoryCustody();
  const { handle } = await custody.createRootKey('example.org');
  const reading = readingCustody(custody);
  const refused = 'this app makes no keys and does not sign with the root';
  await expect(reading.wrapDataKey(Buffer.of(1), 'about')).rejects.toThrow(refused);
  await expect(reading.createRootKey('other.example.org')).rejects.toThrow(refused);
  await expect(reading.signWithRoot(handle, Buffer.of(1))).rejects.toThrow(refused);
  expect(await custody.rememberedRoot()).toMatchObject({ cluster: 'example.org' });
});
