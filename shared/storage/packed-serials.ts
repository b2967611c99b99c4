/** Serial numbers and ends of an instance's certificates, packed so that those of a day fit one column of a row. */
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';

export interface LiveSerial {
  /** 32 hex digits. */
  readonly serial: string;
  /** Unix seconds. */
  readonly expires: number;
}

/**
 * Sixteen certificates that live for a day, renewed every 20 minutes, are 1,152 of them; so many fit one column of a row.
 */
export const MOST_SERIALS = 1200;

const SERIAL_BYTES = 16;
const ENTRY_BYTES = SERIAL_BYTES + 4;

/** Base64 of 20 bytes for each: the serial number, and its end as a big-endian number. */
export function packSerials(serials: readonly LiveSerial[]): string {
  const bytes = Buffer.alloc(serials.length * ENTRY_BYTES);
  for (const [i, { serial, expires }] of serials.entries()) {
    bytes.write(serial, i * ENTRY_BYTES, SERIAL_BYTES, 'hex');
    bytes.writeUInt32BE(expires, i * ENTRY_BYTES + SERIAL_BYTES);
  }
  return encodeBase64(bytes);
}

/** Reads what was packed. Rows of older versions hold JSON; they are over within a day. */
export function unpackSerials(text: string): readonly LiveSerial[] {
  if (text.startsWith('[')) return JSON.parse(text) as readonly LiveSerial[];
  const bytes = Buffer.from(decodeBase64(text) ?? []);
  return Array.from({ length: Math.floor(bytes.length / ENTRY_BYTES) }, (_, i) => {
    const start = i * ENTRY_BYTES;
    return {
      serial: bytes.toString('hex', start, start + SERIAL_BYTES),
      expires: bytes.readUInt32BE(start + SERIAL_BYTES),
    };
  });
}
