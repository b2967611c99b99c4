import { expect, test } from 'vitest';
import { decodeUtf8 } from '../../../shared/encoding/utf8.ts';

const bytes = (text: string, encoding: BufferEncoding = 'latin1') => Buffer.from(text, encoding);

test.each([
  ['nothing', bytes(''), ''],
  ['text', bytes('kind: role\n', 'utf8'), 'kind: role\n'],
  ['letters of any script', bytes('Ünïcödé \u{1f512}', 'utf8'), 'Ünïcödé \u{1f512}'],
  ['one letter', bytes('a'), 'a'],
  ['a zero byte alone', bytes('\0'), '\0'],
  ['two zero bytes', bytes('\0\0'), '\0\0'],
  ['a byte order mark, which is left out', bytes('\u{feff}a', 'utf8'), 'a'],
])('reads %s', (_, given, text) => {
  expect(decodeUtf8(given)).toEqual({ ok: true, text });
});

test.each([
  ['a stray byte', bytes('a: 1\nb: \xff\n'), 'expected UTF-8, and line 2 is not'],
  ['a letter of Latin-1', bytes('caf\xe9'), 'expected UTF-8, and line 1 is not'],
  ['a character that is cut off', bytes('a\nb\n\xe2\x82'), 'expected UTF-8, and line 3 is not'],
  ['an overlong form', bytes('\xc0\xaf'), 'expected UTF-8, and line 1 is not'],
  ['half a surrogate pair', bytes('\xed\xa0\x80'), 'expected UTF-8, and line 1 is not'],
  ['UTF-16', bytes('\u{feff}kind', 'utf16le'), 'expected UTF-8, and this is UTF-16'],
  ['UTF-16 without its mark', bytes('kind', 'utf16le'), 'expected UTF-8, and this is UTF-16'],
  ['half of a mark of UTF-16', bytes('\xff\xff'), 'expected UTF-8, and line 1 is not'],
  ['the other half', bytes('\xfe\xfe'), 'expected UTF-8, and line 1 is not'],
  [
    'UTF-16, big end first, without its mark',
    bytes('\0k\0i'),
    'expected UTF-8, and this is UTF-16',
  ],
  [
    'UTF-16, little end first, with its mark',
    bytes('\xff\xfe\u0141a'),
    'expected UTF-8, and this is UTF-16',
  ],
  ['UTF-16, big end first', bytes('\xfe\xff\0k'), 'expected UTF-8, and this is UTF-16'],
])('refuses %s', (_, given, message) => {
  expect(decodeUtf8(given)).toEqual({ ok: false, message });
});
