/** Reads an OpenSSH certificate of an ECDSA key (https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys). */
import { SshReader } from '../../shared/encoding/ssh-wire.ts';

export interface SshCertificate {
  readonly type: 'user' | 'host';
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** Names and values, the values without their inner length. */
  readonly options: readonly string[];
  readonly extensions: readonly string[];
}

export function readSshCertificate(line: string): SshCertificate {
  const [type = '', blob = ''] = line.split(' ');
  const reader = new SshReader(Buffer.from(blob, 'base64'));
  if (reader.text() !== type || !type.startsWith('ecdsa-')) throw new Error(`not ECDSA: ${type}`);
  reader.bytes(); // nonce
  reader.text(); // curve
  reader.bytes(); // point
  const serial = reader.uint64();
  const kind = reader.uint32() === 1 ? 'user' : 'host';
  const keyId = reader.text();
  const principals = textsOf(reader.bytes());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const options = textsOf(reader.bytes()).map((text, i) => (i % 2 === 0 ? text : text.slice(4)));
  const extensions = textsOf(reader.bytes()).filter((text) => text !== '');
  return { type: kind, serial, keyId, principals, validAfter, validBefore, options, extensions };
}

function textsOf(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const text = new SshReader(rest).text();
    texts.push(text);
    rest = rest.subarray(4 + Buffer.byteLength(text));
  }
  return texts;
}
