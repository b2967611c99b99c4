/** X.509 certificates (RFC 5280): what path building and name checks need, read strictly. Nothing is verified here. */
import type { KeyObject } from 'node:crypto';
import {
  childrenOf,
  contextTag,
  type DerElement,
  DerError,
  DerReader,
  decodeBitString,
  decodeBoolean,
  decodeDer,
  decodeIntegerBytes,
  decodeNamedBits,
  decodeOid,
  decodeSmallInteger,
  decodeTime,
  primitiveContextTag,
  TAG,
} from './der-decode.ts';
import { OID } from './oids.ts';
import { type PublicKeyInfo, parsePublicKeyInfo, verifyingKey } from './public-key-info.ts';
import { decodeSignatureAlgorithm } from './signature-algorithms.ts';

export interface Certificate {
  /** The whole certificate. */
  readonly der: Uint8Array;
  readonly toBeSigned: Uint8Array;
  /** The serial number's two's complement bytes. */
  readonly serialNumber: Uint8Array;
  /** DER of the names: they are compared byte by byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** OID of the signature's algorithm. */
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
  readonly extensions: CertificateExtensions;
}

export interface CertificateExtensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  /** Named bits of RFC 5280 section 4.2.1.3; digitalSignature is bit 0, keyCertSign bit 5. */
  readonly keyUsage?: readonly boolean[];
  readonly extendedKeyUsage?: readonly string[];
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: Uint8Array;
  /** URLs of authorityInfoAccess where the issuer's certificate can be had. */
  readonly issuerUrls: readonly string[];
  readonly nameConstraints: boolean;
  /** OIDs of critical extensions that this parser does not process. */
  readonly unknownCritical: readonly string[];
}

export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const;

const MOST_EXTENSIONS = 32;
const MOST_NAMES = 100;

/** Reads one certificate, DER, with nothing behind it. Throws `DerError`. */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(decodeDer(der, TAG.sequence).content);
  const tbsElement = outer.read(TAG.sequence);
  const signatureAlgorithm = outer.read(TAG.sequence);
  const signature = decodeBitString(outer.read(TAG.bitString));
  outer.end();

  const tbs = new DerReader(tbsElement.content);
  const version = tbs.enter(contextTag(0));
  if (decodeSmallInteger(version.read(TAG.integer)) !== 2)
    throw new DerError('not a version 3 certificate');
  version.end();
  const serialNumber = decodeIntegerBytes(tbs.read(TAG.integer));
  if (!sameBytes(tbs.read(TAG.sequence).bytes, signatureAlgorithm.bytes)) {
    throw new DerError('the two signature algorithms differ');
  }
  const issuer = tbs.read(TAG.sequence).bytes;
  const validity = tbs.enter(TAG.sequence);
  const notBefore = decodeTime(validity.readAny());
  const notAfter = decodeTime(validity.readAny());
  validity.end();
  const subject = tbs.read(TAG.sequence).bytes;
  const publicKeyInfo = tbs.read(TAG.sequence).bytes;
  const extensions = tbs.enter(contextTag(3));
  tbs.end();
  const list = extensions.read(TAG.sequence);
  extensions.end();

  return {
    der,
    toBeSigned: tbsElement.bytes,
    serialNumber,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKeyInfo,
    signatureAlgorithm: decodeSignatureAlgorithm(signatureAlgorithm),
    signature,
    extensions: parseExtensions(list),
  };
}

/** A certificate's public key: its parts, and the key that verifies. */
export interface CertificateKey {
  readonly info: PublicKeyInfo;
  readonly key: KeyObject;
}

const keys = new WeakMap<Certificate, CertificateKey>();

/** The certificate's public key. Throws where it is of no kind that is accepted. */
export function publicKeyOf(certificate: Certificate): CertificateKey {
  const known = keys.get(certificate);
  if (known) return known;
  const info = parsePublicKeyInfo(certificate.publicKeyInfo);
  const found = { info, key: verifyingKey(info) };
  keys.set(certificate, found);
  return found;
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function parseExtensions(list: DerElement): CertificateExtensions {
  const seen = new Set<string>();
  const found: { -readonly [K in keyof CertificateExtensions]?: CertificateExtensions[K] } = {};
  const unknownCritical: string[] = [];
  for (const extension of childrenOf(list, MOST_EXTENSIONS)) {
    if (extension.tag !== TAG.sequence) throw new DerError('not an extension');
    const reader = new DerReader(extension.content);
    const id = decodeOid(reader.read(TAG.oid));
    const critical = readFlag(reader);
    const value = reader.read(TAG.octetString).content;
    reader.end();
    if (seen.has(id)) throw new DerError('an extension appears twice');
    seen.add(id);
    switch (id) {
      case OID.basicConstraints:
        found.basicConstraints = parseBasicConstraints(value);
        break;
      case OID.keyUsage:
        found.keyUsage = decodeNamedBits(decodeDer(value, TAG.bitString));
        break;
      case OID.extendedKeyUsage:
        found.extendedKeyUsage = childrenOf(decodeDer(value, TAG.sequence), MOST_NAMES).map(
          decodeOid,
        );
        break;
      case OID.subjectAltName:
        Object.assign(found, parseSubjectAltName(value));
        break;
      case OID.subjectKeyIdentifier:
        found.subjectKeyIdentifier = decodeDer(value, TAG.octetString).content;
        break;
      case OID.authorityKeyIdentifier: {
        const identifier = new DerReader(decodeDer(value, TAG.sequence).content).optional(
          primitiveContextTag(0),
        );
        if (identifier) found.authorityKeyIdentifier = identifier.content;
        break;
      }
      case OID.authorityInfoAccess:
        found.issuerUrls = parseIssuerUrls(value);
        break;
      case OID.nameConstraints:
        found.nameConstraints = true;
        break;
      default:
        if (critical) unknownCritical.push(id);
    }
  }
  return {
    dnsNames: [],
    uris: [],
    issuerUrls: [],
    nameConstraints: false,
    ...found,
    unknownCritical,
  };
}

/** A BOOLEAN DEFAULT FALSE: DER leaves the default out (X.690 section 11.5). */
function readFlag(reader: DerReader): boolean {
  const flag = reader.optional(TAG.boolean);
  if (flag && !decodeBoolean(flag)) throw new DerError('a default value is written out');
  return flag !== undefined;
}

function parseBasicConstraints(value: Uint8Array): { ca: boolean; pathLength?: number } {
  const reader = new DerReader(decodeDer(value, TAG.sequence).content);
  const ca = readFlag(reader);
  const pathLength = reader.optional(TAG.integer);
  reader.end();
  return pathLength ? { ca, pathLength: decodeSmallInteger(pathLength) } : { ca };
}

function parseSubjectAltName(value: Uint8Array): { dnsNames: string[]; uris: string[] } {
  const names = childrenOf(decodeDer(value, TAG.sequence), MOST_NAMES);
  const ofTag = (tag: number): string[] =>
    names.filter((name) => name.tag === tag).map((name) => asciiText(name.content));
  return { dnsNames: ofTag(primitiveContextTag(2)), uris: ofTag(primitiveContextTag(6)) };
}

function parseIssuerUrls(value: Uint8Array): string[] {
  const urls: string[] = [];
  for (const description of childrenOf(decodeDer(value, TAG.sequence), MOST_NAMES)) {
    const [method, location] = childrenOf(description, 2);
    if (description.tag !== TAG.sequence || !method || !location)
      throw new DerError('not an access description');
    if (decodeOid(method) === OID.caIssuers && location.tag === primitiveContextTag(6)) {
      urls.push(asciiText(location.content));
    }
  }
  return urls;
}

function asciiText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  if (!/^[ -~]*$/.test(text)) throw new DerError('not an IA5String of printable text');
  return text;
}
