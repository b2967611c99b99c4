/** OpenSSH certificates (PROTOCOL.certkeys): what the agent checks of one that it received. */
import { decodeBase64 } from '../shared/encoding/base64.ts';
import { SshReader, SshWireError, sshString } from '../shared/encoding/ssh-wire.ts';

interface SshCertificate {
  readonly kind: 'user' | 'host';
  /** The certified key as a blob, as in a public key line. */
  readonly publicKey: Uint8Array;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validBefore: Date;
  /** The blob of the authority's key. */
  readonly authority: Uint8Array;
}

const TYPE = 'ecdsa-sha2-nistp256-cert-v01@openssh.com';
const KEY_TYPE = 'ecdsa-sha2-nistp256';

/** Reads a one-line certificate for a P-256 key, the agent's own kind; `undefined` if it is none. Nothing is verified. */
export function parseSshCertificate(line: string): SshCertificate | undefined {
  const [type, base64, ...comment] = line.trimEnd().split(' ');
  const blob = type === TYPE && comment.length <= 1 ? decodeBase64(base64 ?? '') : undefined;
  if (!blob || /[\r\n]/.test(line.trimEnd())) return undefined;
  try {
    return readCertificate(new SshReader(blob));
  } catch (error) {
    if (error instanceof SshWireError) return undefined;
    throw error;
  }
}

function readCertificate(reader: SshReader): SshCertificate | undefined {
  if (reader.text() !== TYPE) return undefined;
  reader.bytes(); // nonce
  const curve = reader.bytes();
  const point = reader.bytes();
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
    publicKey: Buffer.concat([sshString(KEY_TYPE), sshString(curve), sshString(point)]),
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
