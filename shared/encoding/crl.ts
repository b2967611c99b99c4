/** Certificate revocation lists (RFC 5280 section 5) of the broker's own form, read strictly. Nothing is verified here. */
import { sameBytes } from './certificate.ts';
import {
  contextTag,
  DerError,
  DerReader,
  decodeBitString,
  decodeDer,
  decodeIntegerBytes,
  decodeOid,
  decodeSmallInteger,
  decodeTime,
  primitiveContextTag,
  TAG,
} from './der-decode.ts';
import { OID } from './oids.ts';
import { decodeSignatureAlgorithm } from './signature-algorithms.ts';

export interface Crl {
  readonly toBeSigned: Uint8Array;
  /** DER of the issuer's name: compared byte by byte. */
  readonly issuer: Uint8Array;
  readonly authorityKeyIdentifier: Uint8Array;
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Serial numbers in lower-case hex of their unsigned bytes, and the seconds at which they were revoked. */
  readonly revoked: ReadonlyMap<string, Date>;
  /** OID. */
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
}

/** It stays exact as a JavaScript number. */
const NUMBER_BELOW = 2 ** 48;

/** Reads one list, DER, with nothing behind it. Throws `DerError`. */
export function parseCrl(der: Uint8Array): Crl {
  const outer = new DerReader(decodeDer(der, TAG.sequence).content);
  const tbsElement = outer.read(TAG.sequence);
  const algorithm = outer.read(TAG.sequence);
  const signature = decodeBitString(outer.read(TAG.bitString));
  outer.end();

  const tbs = new DerReader(tbsElement.content);
  if (decodeSmallInteger(tbs.read(TAG.integer)) !== 1) throw new DerError('not a version 2 list');
  if (!sameBytes(tbs.read(TAG.sequence).bytes, algorithm.bytes))
    throw new DerError('the two signature algorithms differ');
  const issuer = tbs.read(TAG.sequence).bytes;
  const thisUpdate = decodeTime(tbs.readAny());
  const nextUpdate = decodeTime(tbs.readAny());
  const entries = tbs.optional(TAG.sequence);
  const extensions = tbs.enter(contextTag(0));
  tbs.end();
  const list = extensions.enter(TAG.sequence);
  extensions.end();
  const authorityKeyIdentifier = readKeyIdentifier(readExtension(list, OID.authorityKeyIdentifier));
  const number = readNumber(readExtension(list, OID.crlNumber));
  list.end();
  return {
    toBeSigned: tbsElement.bytes,
    issuer,
    authorityKeyIdentifier,
    number,
    thisUpdate,
    nextUpdate,
    revoked: entries ? readEntries(entries.content) : new Map(),
    signatureAlgorithm: decodeSignatureAlgorithm(algorithm),
    signature,
  };
}

/** Never none: a list without entries has no such member. */
function readEntries(content: Uint8Array): Map<string, Date> {
  const reader = new DerReader(content);
  const revoked = new Map<string, Date>();
  while (!reader.done || revoked.size === 0) {
    const entry = reader.enter(TAG.sequence);
    const serial = hexOf(decodeIntegerBytes(entry.read(TAG.integer)));
    if (revoked.has(serial)) throw new DerError('a serial number appears twice');
    revoked.set(serial, decodeTime(entry.readAny()));
    const extensions = entry.optional(TAG.sequence);
    if (extensions) readReason(extensions.content);
    entry.end();
  }
  return revoked;
}

function readReason(content: Uint8Array): void {
  const list = new DerReader(content);
  const reason = decodeDer(readExtension(list, OID.reasonCode), TAG.enumerated);
  list.end();
  if (reason.content.length !== 1) throw new DerError('not a reason');
}

/** The next extension, which must be this one, and not critical. */
function readExtension(list: DerReader, id: string): Uint8Array {
  const extension = list.enter(TAG.sequence);
  if (decodeOid(extension.read(TAG.oid)) !== id) throw new DerError('not the extension expected');
  const value = extension.read(TAG.octetString).content;
  extension.end();
  return value;
}

function readKeyIdentifier(value: Uint8Array): Uint8Array {
  const identifier = new DerReader(decodeDer(value, TAG.sequence).content);
  const { content } = identifier.read(primitiveContextTag(0));
  identifier.end();
  return content;
}

function readNumber(value: Uint8Array): number {
  const bytes = decodeIntegerBytes(decodeDer(value, TAG.integer));
  const number = Number(`0x${hexOf(bytes)}`);
  if ((bytes[0] ?? 0) >= 0x80 || number === 0 || number >= NUMBER_BELOW)
    throw new DerError('not a CRL number');
  return number;
}

/** Without the byte that stands before a number whose first bit is set. */
const hexOf = (integer: Uint8Array): string =>
  Buffer.from(integer.length > 1 && integer[0] === 0 ? integer.subarray(1) : integer).toString(
    'hex',
  );
