/** Protocol Buffers' encoding, as far as the messages here need it (protobuf.dev, "Encoding"). */

/** A number is a varint, all else is length-delimited. */
export type Field = readonly [number: number, content: Uint8Array | string];

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

export function message(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, content]) => {
      const bytes = Buffer.from(content);
      return [varint(number * 8 + LENGTH_DELIMITED), varint(bytes.length), bytes];
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}

/** What one message holds, by the numbers of its fields: those of bytes and text, and those that are whole numbers. */
export interface ReadMessage {
  /** In their order; only of the numbers that were asked for. */
  bytes(number: number): readonly Buffer[];
  /** The last one, as the standard has it; 0 where there is none. */
  number(number: number): number;
}

/** Of one number, the others are nothing to us. */
const MOST_REPEATED = 256;

/**
 * Keeps the bytes of these numbers, and passes over all others. Throws a `RangeError` for what is no message: cut off, of an
 * unknown wire type, or with a number beyond 2^53; and for one that repeats a field too often.
 */
export function readMessage(message: Buffer, kept: readonly number[]): ReadMessage {
  const bytes = new Map(kept.map((number): [number, Buffer[]] => [number, []]));
  const numbers = new Map<number, number>();
  let at = 0;
  const take = (length: number): Buffer => {
    if (length > message.length - at) throw new RangeError('the message is cut off');
    at += length;
    return message.subarray(at - length, at);
  };
  const readVarint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const [byte = 0] = take(1);
      value += (byte % 128) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('the number is too large');
      if (byte < 128) return value;
      if (factor > 2 ** 49) throw new RangeError('the number is too long');
    }
  };
  const keep = (number: number, content: Buffer): void => {
    const list = bytes.get(number);
    if (list?.length === MOST_REPEATED) throw new RangeError('a field is repeated too often');
    list?.push(content);
  };
  while (at < message.length) {
    const key = readVarint();
    const [number, type] = [Math.floor(key / 8), key % 8];
    if (number === 0) throw new RangeError('a field has the number 0');
    if (type === VARINT) numbers.set(number, readVarint());
    else if (type === LENGTH_DELIMITED) keep(number, take(readVarint()));
    else if (type === FIXED_64) take(8);
    else if (type === FIXED_32) take(4);
    else throw new RangeError(`the wire type ${type} is unknown`);
  }
  return {
    bytes: (number) => bytes.get(number) ?? [],
    number: (number) => numbers.get(number) ?? 0,
  };
}
