/** UUIDs (RFC 9562) in their text form. */

/** 16 bytes as a UUID of this version; the bits that say version and variant are set over what is there. */
export function formatUuid(content: Uint8Array, version: 4 | 7 | 8): string {
  const bytes = Buffer.from(content);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
