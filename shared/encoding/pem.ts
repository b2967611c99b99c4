/** PEM (RFC 7468): strict form, one label, whole lines of base64. */
import { decodeBase64, encodeBase64 } from './base64.ts';

/** The DER bytes as one PEM block, lines of 64 characters, ending with a line feed. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Every block of the text, in order; `undefined` if it holds anything but blocks with this label and white space. */
export function decodePem(label: string, text: string): Uint8Array[] | undefined {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Uint8Array[] = [];
  let body: string[] | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (body === undefined) {
      if (line === begin) body = [];
      else if (line.trim() !== '') return undefined;
    } else if (line === end) {
      const der = decodeBase64(body.join(''));
      if (!der) return undefined;
      blocks.push(der);
      body = undefined;
    } else body.push(line);
  }
  return body === undefined && blocks.length > 0 ? blocks : undefined;
}

/** The single block of the text; `undefined` if there is none, or more than one. */
export function decodeSinglePem(label: string, text: string): Uint8Array | undefined {
  const blocks = decodePem(label, text);
  return blocks?.length === 1 ? blocks[0] : undefined;
}
