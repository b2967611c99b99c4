import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePem, decodeSinglePem, encodePem } from '../../../shared/encoding/pem.ts';

const LABEL = 'CERTIFICATE';
const block = encodePem(LABEL, Buffer.alloc(100, 7));

test('has lines of 64 characters and ends with a line feed', () => {
  expect(encodePem('THING', Buffer.alloc(51, 0))).toBe(
    `-----BEGIN THING-----\n${'A'.repeat(64)}\nAAAA\n-----END THING-----\n`,
  );
});

test('reads what it wrote, in order', () => {
  const blocks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(blocks, (contents) => {
      const text = contents.map((der) => encodePem(LABEL, der)).join('');
      expect(decodePem(LABEL, text)).toEqual(contents.map((der) => Buffer.from(der)));
    }),
  );
});

test('line ends may be those of Windows, and blank lines may stand between blocks', () => {
  const text = `\r\n${block.replaceAll('\n', '\r\n')}\n  \n${block}`;
  expect(decodePem(LABEL, text)).toHaveLength(2);
});

test.each([
  ['nothing', ''],
  ['text before', `hello\n${block}`],
  ['text after', `${block}hello`],
  ['text on the line of a boundary', `${block.trimEnd()} \n`],
  ['another label', encodePem('PRIVATE KEY', Buffer.of(1))],
  ['one block with another label', block + encodePem('PRIVATE KEY', Buffer.of(1))],
  ['no end', block.replace(/-----END.*/s, '')],
  ['a second block without its end', block + block.replace(/-----END.*/s, '')],
  ['the beginning of a second block', `${block}-----BEGIN CERTIFICATE-----\n`],
  ['the end of another label', block.replace('END CERTIFICATE', 'END KEY')],
  ['a block in a block', block.replace('\n-----END', `\n${block}-----END`)],
  ['a space inside a line', block.replace('Bwc', 'B wc')],
  ['a header', block.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n')],
  ['base64 that is not canonical', block.replace(/[^\n]*\n-----END/, 'QR==\n-----END')],
  ['a byte order mark', `\ufeff${block}`],
])('refuses %s', (_, text) => {
  expect(decodePem(LABEL, text)).toBeUndefined();
});

test('a single block is exactly one', () => {
  expect(decodeSinglePem(LABEL, block)).toEqual(Buffer.alloc(100, 7));
  expect(decodeSinglePem(LABEL, block + block)).toBeUndefined();
  expect(decodeSinglePem(LABEL, '')).toBeUndefined();
});
