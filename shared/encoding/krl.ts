/**
 * OpenSSH key revocation lists (https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.krl): certificates by the serial
 * numbers and key ids of one authority, and whole keys.
 */
import { parseSshBlob } from './ssh-public-key.ts';
import { SshReader, SshWireError, sshString, sshUint32, sshUint64 } from './ssh-wire.ts';

/** What is revoked of the certificates of one authority. */
export interface KrlAuthority {
  /** The blob of its public key. */
  readonly key: Uint8Array;
  readonly serials: readonly bigint[];
  readonly keyIds: readonly string[];
}

export interface Krl {
  readonly version: number;
  readonly generated: Date;
  readonly comment: string;
  readonly authorities: readonly KrlAuthority[];
  /** Blobs of public keys: whatever they are, or have signed. */
  readonly keys: readonly Uint8Array[];
}

const MAGIC = Buffer.from('SSHKRL\n\0');
const FORMAT = 1;
/** The agent is read by old versions of Node.js, too, which are to say that they are too old: no literal of theirs. */
const NOTHING = BigInt(0);
/** OpenSSH reads no shorter key of RSA. */
const LEAST_RSA_BITS = 1024;
const SECTION = { certificates: 1, explicitKey: 2 } as const;
const CERTIFICATES = { serialList: 0x20, keyId: 0x23 } as const;

/** Writes a list. Where nothing is revoked it has no sections, and refuses nobody. */
export function encodeKrl({ version, generated, comment, authorities, keys }: Krl): Uint8Array {
  return Buffer.concat([
    MAGIC,
    sshUint32(FORMAT),
    sshUint64(BigInt(version)),
    sshUint64(BigInt(Math.floor(generated.getTime() / 1000))),
    sshUint64(NOTHING),
    sshString(''),
    sshString(comment),
    ...authorities.flatMap(({ key, serials, keyIds }) =>
      serials.length + keyIds.length === 0
        ? []
        : [
            section(SECTION.certificates, [
              sshString(key),
              sshString(''),
              ...revoked(serials, keyIds),
            ]),
          ],
    ),
    ...(keys.length === 0 ? [] : [section(SECTION.explicitKey, keys.map(sshString))]),
  ]);
}

const revoked = (serials: readonly bigint[], keyIds: readonly string[]): Uint8Array[] => [
  ...(serials.length === 0 ? [] : [section(CERTIFICATES.serialList, serials.map(sshUint64))]),
  ...(keyIds.length === 0
    ? []
    : [
        section(
          CERTIFICATES.keyId,
          keyIds.map((id) => sshString(id)),
        ),
      ]),
];

const section = (type: number, content: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Buffer.of(type), sshString(Buffer.concat(content))]);

/**
 * Reads a list of the form that is written here. Throws `SshWireError` for anything else, also for what OpenSSH refuses: `sshd`
 * lets nobody in by a list that it can't read.
 */
export function parseKrl(bytes: Uint8Array): Krl {
  const reader = new SshReader(bytes);
  if (Buffer.compare(reader.take(MAGIC.length), MAGIC) !== 0 || reader.uint32() !== FORMAT)
    throw new SshWireError('not a key revocation list');
  const version = safeNumber(reader.uint64());
  const generated = new Date(safeNumber(reader.uint64()) * 1000);
  if (reader.uint64() !== NOTHING || reader.bytes().length > 0)
    throw new SshWireError('the list has flags or reserved bytes');
  const comment = cString(reader);
  const authorities: KrlAuthority[] = [];
  const keys: Uint8Array[] = [];
  while (!reader.done) {
    const [type] = reader.take(1);
    const content = new SshReader(reader.bytes());
    if (type === SECTION.certificates) authorities.push(readAuthority(content));
    else if (type === SECTION.explicitKey) while (!content.done) keys.push(content.bytes());
    else throw new SshWireError('the list has a section of another kind');
  }
  return { version, generated, comment, authorities, keys };
}

function readAuthority(reader: SshReader): KrlAuthority {
  const key = reader.bytes();
  if (!isPublicKey(key)) throw new SshWireError('an authority is no public key');
  if (reader.bytes().length > 0) throw new SshWireError('the list has reserved bytes');
  const serials: bigint[] = [];
  const keyIds: string[] = [];
  while (!reader.done) {
    const [type] = reader.take(1);
    const content = new SshReader(reader.bytes());
    if (type === CERTIFICATES.serialList) while (!content.done) serials.push(serialNumber(content));
    else if (type === CERTIFICATES.keyId) while (!content.done) keyIds.push(cString(content));
    else throw new SshWireError('the list has certificates of another kind');
  }
  return { key, serials, keyIds };
}

function isPublicKey(blob: Uint8Array): boolean {
  const key = parseSshBlob(blob);
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS;
  return key !== undefined && bits >= LEAST_RSA_BITS;
}

/** OpenSSH gives certificates without a number the number 0: it is none that could be revoked. */
function serialNumber(reader: SshReader): bigint {
  const serial = reader.uint64();
  if (serial === NOTHING) throw new SshWireError('a serial number is 0');
  return serial;
}

function cString(reader: SshReader): string {
  const text = reader.text();
  if (text.includes('\0')) throw new SshWireError('a text has a NUL');
  return text;
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new SshWireError('a number is too large');
  return Number(value);
}
