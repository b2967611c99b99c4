/**
 * A strict DER decoder (ITU-T X.690). It reads one level at a time, so that the depth is bounded by the code that
 * calls it and never by the input (rule 15): no indefinite or padded lengths, no high tag numbers, no trailing bytes.
 */

/** One element. `content` and `bytes` (with its header) are views of the input, never copies. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly bytes: Uint8Array;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a context-specific element: `[n] EXPLICIT` and `[n] IMPLICIT` of something constructed. */
export const contextTag = (n: number): number => 0xa0 | n;

/** The tag of `[n] IMPLICIT` of something primitive. */
export const primitiveContextTag = (n: number): number => 0x80 | n;

/** The bytes are not the DER that was expected. The message never carries any of the input. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** Walks the elements of one constructed element in order. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(content: Uint8Array) {
    this.#bytes = content;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next element, which must have this tag. */
  read(tag: number): DerElement {
    const element = this.readAny();
    if (element.tag !== tag) {
      throw new DerError(`expected tag 0x${tag.toString(16)}, got 0x${element.tag.toString(16)}`);
    }
    return element;
  }

  /** The next element if it has this tag, else `undefined` and nothing is read. */
  optional(tag: number): DerElement | undefined {
    return !this.done && this.#bytes[this.#offset] === tag ? this.readAny() : undefined;
  }

  readAny(): DerElement {
    const start = this.#offset;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerError('tag numbers above 30 are not used here');
    const length = this.#length();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new DerError('length runs past the end');
    const content = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return { tag, content, bytes: this.#bytes.subarray(start, end) };
  }

  /** A constructed element with this tag, ready to be walked. */
  enter(tag: number): DerReader {
    return new DerReader(this.read(tag).content);
  }

  /** Refuses anything that is left over. */
  end(): void {
    if (!this.done) throw new DerError('unexpected bytes after the last element');
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw new DerError('ends too early');
    this.#offset += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const size = first & 0x7f;
    if (size === 0) throw new DerError('indefinite lengths are not DER');
    if (size > 3) throw new DerError('length is larger than any input');
    let length = 0;
    for (let i = 0; i < size; i += 1) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 2 ** (8 * (size - 1)))
      throw new DerError('length is not minimal');
    return length;
  }
}

/** The one element that these bytes are, with nothing behind it. */
export function decodeDer(bytes: Uint8Array, tag: number): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.read(tag);
  reader.end();
  return element;
}

/** All children of a constructed element. `most` bounds how many there may be. */
export function childrenOf(element: DerElement, most: number): DerElement[] {
  const reader = new DerReader(element.content);
  const children: DerElement[] = [];
  while (!reader.done) {
    if (children.length === most) throw new DerError(`more than ${most} elements`);
    children.push(reader.readAny());
  }
  return children;
}

/** One bit more, and the next seven could not be counted. */
const MOST_ARC = 2 ** 46;

/** An object identifier in dotted form. */
export function decodeOid(element: DerElement): string {
  if (element.tag !== TAG.oid || element.content.length === 0) throw new DerError('not an OID');
  let dotted = '';
  let value = 0;
  let first = true;
  for (const byte of element.content) {
    if (first && byte === 0x80) throw new DerError('OID is not minimal');
    value = value * 128 + (byte & 0x7f);
    if (value >= MOST_ARC) throw new DerError('OID arc is too large');
    first = byte < 0x80;
    if (!first) continue;
    dotted += dotted ? `.${value}` : firstArcs(value);
    value = 0;
  }
  if (!first) throw new DerError('OID ends too early');
  return dotted;
}

/** The first two arcs are one number (X.690 section 8.19.4). */
function firstArcs(value: number): string {
  const root = Math.min(Math.floor(value / 40), 2);
  return `${root}.${value - root * 40}`;
}

/** The bytes of an INTEGER, two's complement, refused when they are not minimal. */
export function decodeIntegerBytes(element: DerElement): Uint8Array {
  const [first, second] = element.content;
  if (element.tag !== TAG.integer || first === undefined) throw new DerError('not an INTEGER');
  if (
    second !== undefined &&
    ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  ) {
    throw new DerError('INTEGER is not minimal');
  }
  return element.content;
}

/** A small, non-negative INTEGER. */
export function decodeSmallInteger(element: DerElement): number {
  const bytes = decodeIntegerBytes(element);
  if ((bytes[0] ?? 0) >= 0x80 || bytes.length > 4) throw new DerError('INTEGER is out of range');
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function decodeBoolean(element: DerElement): boolean {
  const [value] = element.content;
  if (
    element.tag !== TAG.boolean ||
    element.content.length !== 1 ||
    (value !== 0 && value !== 0xff)
  ) {
    throw new DerError('not a BOOLEAN');
  }
  return value === 0xff;
}

/** The bits of a BIT STRING of whole bytes. */
export function decodeBitString(element: DerElement): Uint8Array {
  if (element.tag !== TAG.bitString || element.content[0] !== 0)
    throw new DerError('not a BIT STRING of whole bytes');
  return element.content.subarray(1);
}

/** A BIT STRING of named bits (X.690 section 11.2.2), bit 0 first. */
export function decodeNamedBits(element: DerElement): boolean[] {
  const [unused, ...bytes] = element.content;
  if (element.tag !== TAG.bitString || unused === undefined || unused > 7 || bytes.length > 4) {
    throw new DerError('not a BIT STRING of named bits');
  }
  const bits = bytes.flatMap((byte) =>
    Array.from({ length: 8 }, (_, i) => (byte & (0x80 >> i)) !== 0),
  );
  const used = bits.length - unused;
  if (used < 0 || bits.slice(used).some(Boolean)) throw new DerError('BIT STRING has stray bits');
  if (used > 0 && !bits[used - 1]) throw new DerError('BIT STRING is not minimal');
  return bits.slice(0, used);
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5): seconds, `Z`, no fractions. */
export function decodeTime(element: DerElement): Date {
  const text = Buffer.from(element.content).toString('latin1');
  const match =
    element.tag === TAG.utcTime
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
      : element.tag === TAG.generalizedTime
        ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
        : null;
  if (!match) throw new DerError('not a time');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  if (element.tag === TAG.generalizedTime && year < 2050)
    throw new DerError('a time before 2050 is written as UTCTime');
  const fullYear = element.tag === TAG.utcTime ? year + (year < 50 ? 2000 : 1900) : year;
  const time = new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second));
  // A month, or a day of it, that there is not becomes another month.
  if (time.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59)
    throw new DerError('not a time of the calendar');
  return time;
}
