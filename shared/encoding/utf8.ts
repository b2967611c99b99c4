/** Text that people write into files: UTF-8 (RFC 3629), and nothing is replaced in silence. */

/** The text, or what is wrong with the bytes. A byte order mark is left out. */
export type DecodedText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

/** Decodes UTF-8. What is not is told by the line in which it stands, UTF-16 by its name. */
export function decodeUtf8(bytes: Uint8Array): DecodedText {
  if (isUtf16(bytes)) return { ok: false, message: 'expected UTF-8, and this is UTF-16' };
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { ok: false, message: `expected UTF-8, and line ${faultyLine(bytes)} is not` };
  }
}

/** By its byte order mark, or by the zero byte that every second one is in plain English. */
const isUtf16 = ([first, second]: Uint8Array): boolean =>
  (first === 0xff && second === 0xfe) ||
  (first === 0xfe && second === 0xff) ||
  (second !== undefined && (first === 0) !== (second === 0));

/** Counted from 1. A line feed is never part of another character. */
function faultyLine(bytes: Uint8Array): number {
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  const at = lines.findIndex((line) => {
    const decoded = Buffer.from(line, 'latin1');
    return !Buffer.from(decoded.toString('utf8')).equals(decoded);
  });
  return at + 1;
}
