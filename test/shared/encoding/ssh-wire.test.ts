import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  SshReader,
  SshWireError,
  sshMpint,
  sshString,
  sshUint32,
  sshUint64,
} from '../../../shared/encoding/ssh-wire.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const read = (text: string): SshReader => new SshReader(hex(text));
const refusal = (message: string) => expect.objectContaining({ name: 'SshWireError', message });

describe('what is written is read back', () => {
  test('a string, a text and two numbers in a row', () => {
    const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(fc.uint8Array(), text, uint32, uint64, (bytes, name, small, large) => {
        const reader = new SshReader(
          Buffer.concat([sshString(bytes), sshString(name), sshUint32(small), sshUint64(large)]),
        );
        expect([...reader.bytes()]).toEqual([...bytes]);
        expect(reader.text()).toBe(name);
        expect(reader.uint32()).toBe(small);
        expect(reader.uint64()).toBe(large);
        reader.end();
      }),
    );
  });

  test('an unsigned number, without its leading zeros', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const start = bytes.findIndex((byte) => byte !== 0);
        const minimal = start < 0 ? [] : [...bytes.subarray(start)];
        expect([...new SshReader(sshMpint(bytes)).unsignedMpint()]).toEqual(minimal);
      }),
    );
  });
});

// The examples of RFC 4251 section 5.
test.each([
  ['00', '00000000'],
  ['09a378f9b2e332a7', '00000008 09a378f9b2e332a7'],
  ['80', '00000002 0080'],
])('mpint %s is %s', (number, encoded) => {
  expect(sshMpint(hex(number))).toEqual(hex(encoded));
  expect(read(encoded).unsignedMpint()).toEqual(hex(number === '00' ? '' : number));
});

test.each([
  ['negative', '00000002 edcc', 'negative mpint'],
  ['the nearest one below zero of a byte', '00000001 80', 'negative mpint'],
  ['padded', '00000002 007f', 'mpint is not minimal'],
  ['a padded zero', '00000001 00', 'mpint is not minimal'],
])('refuses an mpint that is %s', (_, text, message) => {
  expect(() => read(text).unsignedMpint()).toThrow(refusal(message));
});

test('refuses what ends too early, and what goes on', () => {
  expect(() => read('00000002 01').bytes()).toThrow(refusal('ends too early'));
  expect(() => read('ffffffff 01').bytes()).toThrow(refusal('ends too early'));
  expect(() => read('000001').uint32()).toThrow(refusal('ends too early'));
  expect(() => read('00000000000001').uint64()).toThrow(refusal('ends too early'));
  expect(() => read('00').end()).toThrow(refusal('unexpected bytes at the end'));
  expect(() => read('').bytes()).toThrow(SshWireError);
});

test('reads a view without the bytes around it', () => {
  const reader = new SshReader(hex('ff 00000001 61 ff').subarray(1, 6));
  expect(reader.text()).toBe('a');
  reader.end();
});
