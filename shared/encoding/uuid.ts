/** UUIDs (RFC 9562) in their text form. */

/** 16 bytes as a UUID of this version; the bits that say version and variant are set over what is there. */
export function formatUuid(content: Uint8Array, version: 4 | 7 | 8): string {
  const bytes = Buffer.from(content);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join('-')}-${hex.slice(20)}`;
}
