/** Bytes that break careless parsers (rule 15). */
import { randomBytes } from 'node:crypto';
import { DerReader, decodeDer, TAG } from '../../../shared/encoding/der-decode.ts';

const END_OF_CONTENTS = Buffer.of(0, 0);

/** The same structure with indefinite lengths (BER) in its outermost levels. */
export function withIndefiniteLengths(der: Uint8Array, levels = 3): Uint8Array {
  const { tag, content } = decodeDer(der, der[0] ?? 0);
  const constructed = (tag & 0x20) !== 0;
  if (levels === 0 || !constructed) return der;
  const children: Uint8Array[] = [];
  for (const reader = new DerReader(content); !reader.done; ) {
    children.push(withIndefiniteLengths(reader.readAny().bytes, levels - 1));
  }
  return Buffer.concat([Buffer.of(tag, 0x80), ...children, END_OF_CONTENTS]);
}

/** So many sequences in one another, all lengths right. */
export function nestedSequences(depth: number): Uint8Array {
  const headers: Uint8Array[] = [];
  let length = 0;
  for (let level = 0; level < depth; level += 1) {
    const header = Buffer.from([TAG.sequence, ...lengthBytes(length)]);
    headers.push(header);
    length += header.length;
  }
  return Buffer.concat(headers.reverse());
}

/** So many sequences in one another, all of indefinite length. */
export const nestedIndefiniteSequences = (depth: number): Uint8Array =>
  Buffer.concat([Buffer.alloc(depth * 2, Buffer.of(TAG.sequence, 0x80)), Buffer.alloc(depth * 2)]);

/** A sequence that says it holds 4 GiB, or as much as 126 bytes of length can say. */
export const hugeLength = (lengthOfLength: 4 | 126 = 4): Uint8Array =>
  Buffer.from([TAG.sequence, 0x80 | lengthOfLength, ...Buffer.alloc(lengthOfLength, 0xff)]);

export const garbage = (size: number): Uint8Array => randomBytes(size);

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const digits = length.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return [0x80 | bytes.length, ...bytes];
}
