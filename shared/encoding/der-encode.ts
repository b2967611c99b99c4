/** A DER encoder (ITU-T X.690): small functions that nest as the structure does. */
import { contextTag, primitiveContextTag, TAG } from './der-decode.ts';

/** One element: tag, length, content. */
export function element(tag: number, ...content: Uint8Array[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), ...content]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export const sequence = (...content: Uint8Array[]): Uint8Array => element(TAG.sequence, ...content);

/** SET OF, its elements in the order that DER demands (X.690 section 11.6). */
export const setOf = (...content: Uint8Array[]): Uint8Array =>
  element(TAG.set, ...content.toSorted((a, b) => Buffer.compare(a, b)));

export const octetString = (content: Uint8Array): Uint8Array => element(TAG.octetString, content);

export const bitString = (content: Uint8Array): Uint8Array =>
  element(TAG.bitString, Buffer.of(0), content);

/** A BIT STRING of named bits, trailing zeros left out (X.690 section 11.2.2). */
export function namedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(...bits);
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return element(TAG.bitString, Buffer.of(7 - (last & 7)), bytes);
}

/** An INTEGER of these unsigned big-endian bytes. */
export function unsignedInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (bytes[start] === 0) start += 1;
  const minimal = bytes.subarray(start);
  const [first] = minimal;
  const sign = first === undefined || first >= 0x80 ? Buffer.of(0) : Buffer.of();
  return element(TAG.integer, sign, minimal);
}

export const smallInteger = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return unsignedInteger(bytes);
};

/** An ENUMERATED of one of the first 128 values. */
export const enumerated = (value: number): Uint8Array => element(TAG.enumerated, Buffer.of(value));

export const boolean = (value: boolean): Uint8Array =>
  element(TAG.boolean, Buffer.of(value ? 0xff : 0));

export const nullValue = (): Uint8Array => element(TAG.null);

/** An object identifier from its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(TAG.oid, Buffer.from([root * 40 + second, ...rest].flatMap(base128)));
}

function base128(arc: number): number[] {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return bytes;
}

export const utf8String = (text: string): Uint8Array => element(TAG.utf8String, Buffer.from(text));

/** Of a text that has such characters only, as `ia5String`. */
export const printableString = (text: string): Uint8Array =>
  element(TAG.printableString, Buffer.from(text));

export const ia5String = (text: string): Uint8Array => element(TAG.ia5String, Buffer.from(text));

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
export function time(at: Date): Uint8Array {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, '');
  return at.getUTCFullYear() < 2050
    ? element(TAG.utcTime, Buffer.from(digits.slice(2)))
    : element(TAG.generalizedTime, Buffer.from(digits));
}

/** `[n] EXPLICIT`, and `[n] IMPLICIT` of something constructed. */
export const explicit = (n: number, ...content: Uint8Array[]): Uint8Array =>
  element(contextTag(n), ...content);

/** `[n] IMPLICIT` of something primitive. */
export const implicit = (n: number, content: Uint8Array): Uint8Array =>
  element(primitiveContextTag(n), content);
