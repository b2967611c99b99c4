import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childrenOf,
  type DerElement,
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
import {
  bitString,
  boolean,
  element,
  enumerated,
  explicit,
  ia5String,
  implicit,
  namedBits,
  nullValue,
  octetString,
  oid,
  printableString,
  sequence,
  setOf,
  smallInteger,
  time,
  unsignedInteger,
  utf8String,
} from '../../../shared/encoding/der-encode.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('what is encoded is read back', () => {
  test('any tree', () => {
    type Tree = Uint8Array | readonly Tree[];
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, fc.uint8Array({ maxLength: 300 }), fc.array(tie('tree'))),
    }));
    const encode = (node: Tree): Uint8Array =>
      node instanceof Uint8Array ? octetString(node) : sequence(...node.map(encode));
    const decode = (node: DerElement): Tree =>
      node.tag === TAG.octetString
        ? Uint8Array.from(node.content)
        : childrenOf(node, 1000).map(decode);
    fc.assert(
      fc.property(tree, (node) => {
        const root = sequence(encode(node));
        expect(decode(decodeDer(root, TAG.sequence))).toEqual([node]);
      }),
    );
  });

  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536])('%i bytes', (length) => {
    expect(decodeDer(octetString(Buffer.alloc(length)), TAG.octetString).content).toHaveLength(
      length,
    );
  });

  test('object identifiers', () => {
    const arc = fc.integer({ min: 0, max: 2 ** 32 });
    const head = fc.oneof(
      fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 39 })),
      fc.tuple(fc.constant(2), arc),
    );
    fc.assert(
      fc.property(head, fc.array(arc, { maxLength: 10 }), (first, rest) => {
        const dotted = [...first, ...rest].join('.');
        expect(decodeOid(decodeDer(oid(dotted), TAG.oid))).toBe(dotted);
      }),
    );
  });

  test('small integers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
        expect(decodeSmallInteger(decodeDer(smallInteger(value), TAG.integer))).toBe(value);
      }),
    );
  });

  test('large integers, minimal and positive', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        const read = decodeIntegerBytes(decodeDer(unsignedInteger(bytes), TAG.integer));
        expect(BigInt(`0x0${hex(read)}`)).toBe(BigInt(`0x0${hex(bytes)}`));
        expect(read[0]).toBeLessThan(0x80);
      }),
    );
  });

  test('named bits', () => {
    const names = fc.uniqueArray(fc.integer({ min: 0, max: 31 }), { minLength: 1 });
    fc.assert(
      fc.property(names, (set) => {
        const bits = decodeNamedBits(decodeDer(namedBits(set), TAG.bitString));
        expect(bits.flatMap((bit, i) => (bit ? [i] : []))).toEqual(set.toSorted((a, b) => a - b));
      }),
    );
  });

  test('times from 1950 on, in whole seconds', () => {
    const date = fc.date({
      min: new Date('1950-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, (at) => {
        const der = time(at);
        const whole = new Date(Math.floor(at.getTime() / 1000) * 1000);
        expect(decodeTime(decodeDer(der, der[0] ?? 0))).toEqual(whole);
      }),
    );
  });

  test('bits, truth and nothing', () => {
    expect(decodeBitString(decodeDer(bitString(Buffer.of(1, 2)), TAG.bitString))).toEqual(
      Buffer.of(1, 2),
    );
    expect(decodeBoolean(decodeDer(boolean(true), TAG.boolean))).toBe(true);
    expect(decodeBoolean(decodeDer(boolean(false), TAG.boolean))).toBe(false);
    expect(decodeDer(nullValue(), TAG.null).content).toHaveLength(0);
  });
});

describe('bytes', () => {
  test.each([
    ['a common name', oid('2.5.4.3'), '0603550403'],
    ['an INTEGER with its sign', unsignedInteger(Buffer.of(0, 0, 0x80)), '02020080'],
    ['zero', unsignedInteger(Buffer.of(0, 0)), '020100'],
    ['zero of no bytes', unsignedInteger(Buffer.of()), '020100'],
    ['keyCertSign and cRLSign', namedBits([5, 6]), '03020106'],
    ['digitalSignature', namedBits([0]), '03020780'],
    [
      'the last second of UTCTime',
      time(new Date('2049-12-31T23:59:59Z')),
      '170d3439313233313233353935395a',
    ],
    [
      'the first of GeneralizedTime',
      time(new Date('2050-01-01T00:00:00Z')),
      '180f32303530303130313030303030305a',
    ],
    ['ENUMERATED', enumerated(2), '0a0102'],
    ['UTF-8', utf8String('é'), '0c02c3a9'],
    ['PrintableString', printableString('a'), '130161'],
    ['IA5String', ia5String('a'), '160161'],
    ['[3] EXPLICIT', explicit(3, nullValue()), 'a3020500'],
    ['[6] IMPLICIT', implicit(6, Buffer.of(1)), '860101'],
    ['an element of parts', element(TAG.octetString, Buffer.of(1), Buffer.of(2)), '04020102'],
  ])('of %s', (_, der, expected) => {
    expect(hex(der)).toBe(expected);
  });

  test("a SET OF is sorted by its elements' bytes", () => {
    const [a, b, c] = [octetString(Buffer.of(2)), octetString(Buffer.of(1, 1)), nullValue()];
    expect(hex(setOf(a, b, c))).toBe('3109040102' + '04020101' + '0500');
    expect(setOf(c, b, a)).toEqual(setOf(a, b, c));
    expect(primitiveContextTag(1)).toBe(0x81);
  });
});
