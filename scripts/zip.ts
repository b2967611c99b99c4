/** Writes a zip archive (APPNOTE 6.3.10, without its extensions): the same files always give the same bytes. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  /** With forward slashes, relative. */
  readonly path: string;
  readonly contents: Uint8Array;
}

const VERSION = 20;
/** Made on Unix, so that the upper half of the external attributes is a file mode. */
const MADE_BY = (3 << 8) | VERSION;
const READABLE_FILE = 0o100644;
/** Names are UTF-8. */
const FLAGS = 1 << 11;
const DEFLATED = 8;
/** 1980-01-01 00:00, the first moment that a zip archive knows. */
const TIME = 0;
const DATE = (1 << 5) | 1;

/** The archive of these files, in this order. Throws for what only zip64 can hold. */
export function zip(entries: readonly ZipEntry[]): Uint8Array {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { path, contents } of entries) {
    const name = Buffer.from(path);
    const packed = deflateRawSync(contents, { level: 9 });
    const facts = factsOf(name, contents, packed);
    bodies.push(signed('PK\x03\x04', facts), name, packed);
    directory.push(signed('PK\x01\x02', [u16(MADE_BY), ...facts, ...placeOf(offset)]), name);
    offset += 4 + 26 + name.length + packed.length;
  }
  const index = Buffer.concat(directory);
  const end = [u16(0), u16(0), u16(entries.length), u16(entries.length)];
  return Buffer.concat([
    ...bodies,
    index,
    signed('PK\x05\x06', [...end, u32(index.length), u32(offset), u16(0)]),
  ]);
}

/** What stands in front of a file and in the directory alike. */
const factsOf = (name: Buffer, contents: Uint8Array, packed: Buffer): readonly Buffer[] => [
  ...[VERSION, FLAGS, DEFLATED, TIME, DATE].map(u16),
  ...[crc32(contents), packed.length, contents.length].map(u32),
  u16(name.length),
  // No extra field.
  u16(0),
];

/** No comment, first disk, no internal attributes; mode; where the file begins. */
const placeOf = (offset: number): readonly Buffer[] => [
  ...[0, 0, 0].map(u16),
  u32(READABLE_FILE * 2 ** 16),
  u32(offset),
];

const signed = (signature: string, fields: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(signature, 'latin1'), ...fields]);

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
