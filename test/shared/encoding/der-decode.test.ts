import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childrenOf,
  contextTag,
  type DerElement,
  DerError,
  DerReader,
  decodeBitString,
  decodeBoolean,
  decodeDer,
  decodeIntegerBytes,
  decodeNamedBits,
  decodeOid,
  decodeSmallInteger,
  decodeTime,
  primitiveContextTag,
  TAG,
} from '../../../shared/encoding/der-decode.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const element = (text: string): DerElement => new DerReader(hex(text)).readAny();
const ascii = (tag: number, text: string): DerElement =>
  decodeDer(Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text, 'latin1')]), tag);
const refusal = (message: string) => expect.objectContaining({ name: 'DerError', message });

describe('lengths', () => {
  test.each([
    ['04 00', 0],
    [`04 7f ${'00'.repeat(127)}`, 127],
    [`04 81 80 ${'00'.repeat(128)}`, 128],
    [`04 81 ff ${'00'.repeat(255)}`, 255],
    [`04 82 01 00 ${'00'.repeat(256)}`, 256],
    [`04 83 01 00 00 ${'00'.repeat(65_536)}`, 65_536],
  ])('%.12s… is %i bytes', (text, length) => {
    expect(element(text).content).toHaveLength(length);
  });

  test.each([
    ['indefinite', '30 80 04 00 00 00', 'indefinite lengths are not DER'],
    ['long for a short one', '04 81 01 00', 'length is not minimal'],
    ['127 in two bytes', `04 81 7f ${'00'.repeat(127)}`, 'length is not minimal'],
    ['255 in three bytes', `04 82 00 ff ${'00'.repeat(255)}`, 'length is not minimal'],
    ['with a zero before', `04 83 00 01 00 ${'00'.repeat(256)}`, 'length is not minimal'],
    ['zero in two bytes', '04 81 00', 'length is not minimal'],
    ['of four bytes', '04 84 01 00 00 00', 'length is larger than any input'],
    ['of 126 bytes', `04 fe ${'ff'.repeat(126)}`, 'length is larger than any input'],
    ['reserved', '04 ff', 'length is larger than any input'],
    ['past the end', '04 02 00', 'length runs past the end'],
    ['cut off', '30 82 01', 'ends too early'],
    ['missing', '30', 'ends too early'],
    ['of nothing at all', '', 'ends too early'],
  ])('refuses one that is %s', (_, text, message) => {
    expect(() => element(text)).toThrow(refusal(message));
  });
});

describe('elements', () => {
  test('are views of the input, with and without their header', () => {
    const input = hex('30 04 02 01 05 05');
    const { content, bytes } = new DerReader(input.subarray(2)).readAny();
    expect(content.buffer).toBe(input.buffer);
    expect([[...content], [...bytes]]).toEqual([[5], [2, 1, 5]]);
  });

  test('tag numbers above 30 are refused', () => {
    expect(() => element('1f 22 00')).toThrow(refusal('tag numbers above 30 are not used here'));
    expect(() => element('bf 81 01 00')).toThrow(refusal('tag numbers above 30 are not used here'));
  });

  test('one element is expected to be all that there is', () => {
    expect(decodeDer(hex('05 00'), TAG.null).content).toHaveLength(0);
    expect(() => decodeDer(hex('05 00 00'), TAG.null)).toThrow(
      refusal('unexpected bytes after the last element'),
    );
    expect(() => decodeDer(hex('05 00'), TAG.sequence)).toThrow(
      refusal('expected tag 0x30, got 0x5'),
    );
  });

  test('a reader walks them in order', () => {
    const reader = new DerReader(hex('02 01 01 a0 03 02 01 02 80 00'));
    expect(reader.optional(TAG.boolean)).toBeUndefined();
    expect(decodeSmallInteger(reader.read(TAG.integer))).toBe(1);
    const inner = reader.enter(contextTag(0));
    expect(decodeSmallInteger(inner.read(TAG.integer))).toBe(2);
    inner.end();
    expect(() => reader.end()).toThrow(refusal('unexpected bytes after the last element'));
    expect(reader.optional(primitiveContextTag(0))).toBeDefined();
    expect(reader.done).toBe(true);
    expect(reader.optional(TAG.integer)).toBeUndefined();
    reader.end();
  });

  test('there may be as many children as expected, and not one more', () => {
    const parent = element('30 06 05 00 05 00 05 00');
    expect(childrenOf(parent, 3)).toHaveLength(3);
    expect(() => childrenOf(parent, 2)).toThrow(refusal('more than 2 elements'));
  });
});

describe('object identifiers', () => {
  test.each([
    ['06 03 55 04 03', '2.5.4.3'],
    ['06 09 2a 86 48 86 f7 0d 01 01 0b', '1.2.840.113549.1.1.11'],
    ['06 03 2b 65 70', '1.3.101.112'],
    ['06 01 00', '0.0'],
    ['06 01 27', '0.39'],
    ['06 01 4f', '1.39'],
    ['06 01 50', '2.0'],
    ['06 02 88 37', '2.999'],
    ['06 04 55 81 80 00', '2.5.16384'],
    ['06 08 55 8f ff ff ff ff ff 7f', '2.5.70368744177663'],
  ])('%s is %s', (text, dotted) => {
    expect(decodeOid(element(text))).toBe(dotted);
  });

  test.each([
    ['that is empty', '06 00', 'not an OID'],
    ['of another tag', '0d 01 01', 'not an OID'],
    ['that starts with a padded arc', '06 02 80 01', 'OID is not minimal'],
    ['with a padded arc inside', '06 03 55 80 03', 'OID is not minimal'],
    ['that stops inside an arc', '06 02 55 84', 'OID ends too early'],
    ['with an arc of 47 bits', '06 08 55 90 80 80 80 80 80 00', 'OID arc is too large'],
    ['with an arc of 56 bits', '06 09 55 ff ff ff ff ff ff ff 7f', 'OID arc is too large'],
    [
      'with an arc that no number holds',
      '06 09 ff ff ff ff ff ff ff ff 7f',
      'OID arc is too large',
    ],
  ])('refuses one %s', (_, text, message) => {
    expect(() => decodeOid(element(text))).toThrow(refusal(message));
  });
});

describe('INTEGER', () => {
  test.each([
    ['02 01 00', 0],
    ['02 01 7f', 127],
    ['02 02 00 80', 128],
    ['02 04 7f ff ff ff', 2 ** 31 - 1],
  ])('%s is %i', (text, value) => {
    expect(decodeSmallInteger(element(text))).toBe(value);
  });

  test('keeps its sign where it is read as bytes', () => {
    expect([...decodeIntegerBytes(element('02 02 ff 7f'))]).toEqual([0xff, 0x7f]);
    expect([...decodeIntegerBytes(element('02 02 00 ff'))]).toEqual([0, 0xff]);
  });

  test.each([
    ['empty', '02 00', 'not an INTEGER'],
    ['of another tag', '0a 01 00', 'not an INTEGER'],
    ['with a zero too many', '02 02 00 7f', 'INTEGER is not minimal'],
    ['with a sign too many', '02 02 ff 80', 'INTEGER is not minimal'],
    ['negative', '02 01 80', 'INTEGER is out of range'],
    ['of 32 bits', '02 05 00 80 00 00 00', 'INTEGER is out of range'],
  ])('a small one is not %s', (_, text, message) => {
    expect(() => decodeSmallInteger(element(text))).toThrow(refusal(message));
  });
});

describe('BOOLEAN', () => {
  test('has two values', () => {
    expect(decodeBoolean(element('01 01 ff'))).toBe(true);
    expect(decodeBoolean(element('01 01 00'))).toBe(false);
  });

  test.each(['01 01 01', '01 01 fe', '01 00', '01 02 ff ff', '02 01 00'])('is not %s', (text) => {
    expect(() => decodeBoolean(element(text))).toThrow(refusal('not a BOOLEAN'));
  });
});

describe('BIT STRING', () => {
  test('of whole bytes has no unused bits', () => {
    expect([...decodeBitString(element('03 03 00 12 34'))]).toEqual([0x12, 0x34]);
    for (const text of ['03 00', '03 02 01 12', '04 02 00 12']) {
      expect(() => decodeBitString(element(text))).toThrow(
        refusal('not a BIT STRING of whole bytes'),
      );
    }
  });

  test.each([
    ['03 02 05 a0', [true, false, true]],
    ['03 02 01 06', [false, false, false, false, false, true, true]],
    ['03 03 07 00 80', [...Array(8).fill(false), true]],
    ['03 01 00', []],
    ['03 05 00 00 00 00 01', [...Array(31).fill(false), true]],
  ])('%s names the bits %j', (text, bits) => {
    expect(decodeNamedBits(element(text))).toEqual(bits);
  });

  test.each([
    ['bits where none are used', '03 02 05 b0', 'BIT STRING has stray bits'],
    ['zero bits at the end', '03 02 05 80', 'BIT STRING is not minimal'],
    ['a zero byte at the end', '03 03 00 80 00', 'BIT STRING is not minimal'],
    ['unused bits of no byte', '03 01 07', 'BIT STRING has stray bits'],
    ['eight unused bits', '03 02 08 00', 'not a BIT STRING of named bits'],
    ['their number missing', '03 00', 'not a BIT STRING of named bits'],
    ['more bits than anything has', '03 06 00 00 00 00 00 01', 'not a BIT STRING of named bits'],
    ['another tag', '04 02 05 a0', 'not a BIT STRING of named bits'],
  ])('of named bits is refused with %s', (_, text, message) => {
    expect(() => decodeNamedBits(element(text))).toThrow(refusal(message));
  });
});

describe('times', () => {
  test.each([
    [TAG.utcTime, '261120190500Z', '2026-11-20T19:05:00.000Z'],
    [TAG.utcTime, '491231235959Z', '2049-12-31T23:59:59.000Z'],
    [TAG.utcTime, '500101000000Z', '1950-01-01T00:00:00.000Z'],
    [TAG.utcTime, '240229000000Z', '2024-02-29T00:00:00.000Z'],
    [TAG.generalizedTime, '20500101000000Z', '2050-01-01T00:00:00.000Z'],
    [TAG.generalizedTime, '99991231235959Z', '9999-12-31T23:59:59.000Z'],
  ])('%i %s is %s', (tag, text, iso) => {
    expect(decodeTime(ascii(tag, text)).toISOString()).toBe(iso);
  });

  test.each([
    ['without seconds', TAG.utcTime, '2611201905Z'],
    ['with a zone', TAG.utcTime, '261120190500+0000'],
    ['without Z', TAG.utcTime, '261120190500'],
    ['with a fraction', TAG.generalizedTime, '20501120190500.5Z'],
    ['of the other form', TAG.utcTime, '20501120190500Z'],
    ['of the other form', TAG.generalizedTime, '501120190500Z'],
    ['of another tag', TAG.printableString, '261120190500Z'],
    ['of another tag', TAG.printableString, '20501120190500Z'],
    ['with something before it', TAG.generalizedTime, 'x20501120190500Z'],
    ['with something behind it', TAG.generalizedTime, '20501120190500Zx'],
    ['with a small letter', TAG.utcTime, '261120190500z'],
    ['with a line feed', TAG.utcTime, '261120190500Z\n'],
    ['with the character before 0', TAG.utcTime, '26112019050/Z'],
    ['with the character behind 9', TAG.utcTime, '26112019050:Z'],
    ['with a sign', TAG.utcTime, '2611201905-1Z'],
    ['with the character before 0 among its tens', TAG.generalizedTime, '205011201905/0Z'],
    ['with the character behind 9 among its tens', TAG.generalizedTime, '205011201905:0Z'],
    ['of nothing but Z', TAG.utcTime, 'Z'],
  ])('refuses one %s', (_, tag, text) => {
    expect(() => decodeTime(ascii(tag, text))).toThrow(refusal('not a time'));
  });

  test.each([
    '260229000000Z',
    '260230000000Z',
    '260431000000Z',
    '261301000000Z',
    '260001000000Z',
    '260100000000Z',
    '260101240000Z',
    '260101006000Z',
    '260101000060Z',
  ])('%s is on no calendar', (text) => {
    expect(() => decodeTime(ascii(TAG.utcTime, text))).toThrow(
      refusal('not a time of the calendar'),
    );
  });

  test('a year before 2050 in the later form is refused', () => {
    expect(() => decodeTime(ascii(TAG.generalizedTime, '20491231235959Z'))).toThrow(
      refusal('a time before 2050 is written as UTCTime'),
    );
  });

  test('years before 100 are refused rather than moved by a century', () => {
    expect(() => decodeTime(ascii(TAG.generalizedTime, '00260101000000Z'))).toThrow(
      refusal('a time before 2050 is written as UTCTime'),
    );
  });
});

test('whatever comes, it is read or refused', () => {
  const reads = [
    decodeOid,
    decodeSmallInteger,
    decodeBoolean,
    decodeBitString,
    decodeNamedBits,
    decodeTime,
    (one: DerElement) => childrenOf(one, 8),
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), fc.constantFrom(...reads), (input, read) => {
      try {
        read(new DerReader(input).readAny());
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
    { numRuns: 1000 },
  );
});
