import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeBase64,
  decodeBase64Url,
  encodeBase64,
  encodeBase64Url,
} from '../../../shared/encoding/base64.ts';

const bytes = fc.uint8Array({ maxLength: 300 });

test('what is encoded decodes to the same bytes', () => {
  fc.assert(
    fc.property(bytes, (input) => {
      expect(decodeBase64(encodeBase64(input))).toEqual(Buffer.from(input));
      expect(decodeBase64Url(encodeBase64Url(input))).toEqual(Buffer.from(input));
    }),
  );
});

test('a view is encoded without the bytes around it', () => {
  const view = Uint8Array.of(0, 255, 254, 0).subarray(1, 3);
  expect([encodeBase64(view), encodeBase64Url(view)]).toEqual(['//4=', '__4']);
});

test('no two texts decode to the same bytes', () => {
  const text = fc.string({ unit: fc.constantFrom(...'AQgw+/-_='), maxLength: 8 });
  fc.assert(
    fc.property(text, (input) => {
      const standard = decodeBase64(input);
      const url = decodeBase64Url(input);
      if (standard) expect(encodeBase64(standard)).toBe(input);
      if (url) expect(encodeBase64Url(url)).toBe(input);
    }),
  );
});

test.each([
  ['no padding', 'QQ'],
  ['too much padding', 'QUI=='],
  ['padding alone', '===='],
  ['padding inside', 'QQ==QQ=='],
  ['stray bits', 'QR=='],
  ['stray bits before one =', 'QUJ='],
  ['a space', 'QUJD QUJD'],
  ['a line feed inside', 'QUJD\nQUJD'],
  ['a line feed at the end', 'QUJD\n'],
  ['letters of base64url', '__4='],
])('standard base64 has no %s', (_, text) => {
  expect(decodeBase64(text)).toBeUndefined();
});

test.each([
  ['padding', 'QQ=='],
  ['stray bits', 'QR'],
  ['a single letter over', 'QUJDQ'],
  ['a line feed at the end', 'QUJD\n'],
  ['letters of standard base64', '//4'],
])('base64url has no %s', (_, text) => {
  expect(decodeBase64Url(text)).toBeUndefined();
});

test('nothing encodes nothing', () => {
  expect([decodeBase64(''), decodeBase64Url('')]).toEqual([Buffer.of(), Buffer.of()]);
});
