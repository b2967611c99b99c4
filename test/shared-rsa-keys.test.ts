import { expect, test } from 'vitest';
import { sharedRsaKeys } from './shared-rsa-keys.ts';

const pem = (purpose: string) =>
  sharedRsaKeys().keyPair(purpose).publicKey.export({ type: 'spki', format: 'pem' });

test('the key of a purpose is the same from every source, and another one for another purpose', () => {
  expect(pem('this test')).toBe(pem('this test'));
  expect(pem('this test')).not.toBe(pem('another purpose of this test'));
});
