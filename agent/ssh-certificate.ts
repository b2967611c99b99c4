/** OpenSSH certificates (PROTOCOL.certkeys): what the agent checks of one that it received. */
import { decodeBase64 } from '../shared/encoding/base64.ts';
import { SshReader, SshWireError, sshString } from '../shared/encoding/ssh-wire.ts';

export interface SshCertificate {
  readonly kind: 'user' | 'host';
  /** The certified key as a blob, as in a public key line. */
  readonly publicKey: Uint8Array;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validBefore: Date;
  /** The blob of the authority's key. */
  readonly authority: Uint8Array;
}

/** How many fields the public key has, by its type: the agent's own is P-256, host keys may be others. */
const KEY_FIELDS: ReadonlyMap<string, number> = new Map([
  ['ecdsa-sha2-nistp256', 2],
  ['ecdsa-sha2-nistp384', 2],
  ['ssh-ed25519', 1],
]);
const TYPE_END = '-cert-v01@openssh.com';

/** Reads a one-line certificate for an ECDSA or Ed25519 key; `undefined` if it is none. Nothing is verified. */
export function parseSshCertificate(line: string): SshCertificate | undefined {
  const [type = '', base64 = '', ...comment] = line.trimEnd().split(' ');
  const blob = comment.length <= 1 ? decodeBase64(base64) : undefined;
  if (!blob || !type.endsWith(TYPE_END) || /[\r\n]/.test(line.trimEnd())) return undefined;
  try {
    return readCertificate(new SshReader(blob), type.slice(0, -TYPE_END.length));
  } catch (error) {
    if (error instanceof SshWireError) return undefined;
    throw error;
  }
}

function readCertificate(reader: SshReader, keyType: string): SshCertificate | undefined {
  const fields = KEY_FIELDS.get(keyType);
  if (fields === undefined || reader.text() !== `${keyType}${TYPE_END}`) return undefined;
  reader.bytes(); // nonce
  const key = Array.from({ length: fields }, () => sshString(reader.bytes()));
  reader.uint64(); // serial number
  const kind = reader.uint32();
  const keyId = reader.text();
  const principals = readStrings(reader.bytes());
  reader.uint64(); // valid after
  const validBefore = reader.uint64();
  reader.bytes(); // critical options
  reader.bytes(); // extensions
  reader.bytes(); // reserved
  const authority = reader.bytes();
  reader.bytes(); // signature
  reader.end();
  if (kind !== 1 && kind !== 2) return undefined;
  return {
    kind: kind === 1 ? 'user' : 'host',
    publicKey: Buffer.concat([sshString(keyType), ...key]),
    keyId,
    principals,
    validBefore: new Date(Number(validBefore) * 1000),
    authority,
  };
}

function readStrings(packed: Uint8Array): string[] {
  const strings: string[] = [];
  for (let rest = packed; rest.length > 0; ) {
    const bytes = new SshReader(rest).bytes();
    strings.push(Buffer.from(bytes).toString('utf8'));
    rest = rest.subarray(4 + bytes.length);
  }
  return strings;
}
