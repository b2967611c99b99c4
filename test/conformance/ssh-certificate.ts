/** Reads an OpenSSH certificate of an ECDSA key (https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys). */
import { SshReader } from '../../shared/encoding/ssh-wire.ts';

export interface SshCertificate {
  readonly type: 'user' | 'host';
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: bigint;
  readonly validBefore: bigint;
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
  return {
    type: kind,
    serial,
    keyId,
    principals,
    validAfter: reader.uint64(),
    validBefore: reader.uint64(),
  };
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
