/** Writes PKCS#7 signed data (RFC 2315 section 9) as Azure does, right or wrong as it is told: nothing is checked. */
import { contextTag, TAG } from './der-decode.ts';
import {
  element,
  explicit,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
} from './der-encode.ts';
import { OID } from './oids.ts';

export interface SignedDataFields {
  /** OIDs of the digest algorithms. */
  readonly digestAlgorithms: readonly string[];
  readonly content: Uint8Array;
  /** DER, in this order. */
  readonly certificates: readonly Uint8Array[];
  /** DER of each SignerInfo. */
  readonly signers: readonly Uint8Array[];
}

export interface SignerInfoFields {
  /** DER of the issuer's name, and the serial number's bytes. */
  readonly issuer: Uint8Array;
  readonly serialNumber: Uint8Array;
  /** OID. */
  readonly digestAlgorithm: string;
  /** DER of each signed attribute. */
  readonly signedAttributes?: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

export function encodeSignedData(fields: SignedDataFields): Uint8Array {
  const signedData = sequence(
    smallInteger(1),
    setOf(...fields.digestAlgorithms.map(algorithm)),
    sequence(oid(OID.pkcs7Data), explicit(0, octetString(fields.content))),
    explicit(0, ...fields.certificates),
    setOf(...fields.signers),
  );
  return sequence(oid(OID.pkcs7SignedData), explicit(0, signedData));
}

export function encodeSignerInfo(fields: SignerInfoFields): Uint8Array {
  const { signedAttributes } = fields;
  return sequence(
    smallInteger(1),
    sequence(fields.issuer, element(TAG.integer, fields.serialNumber)),
    algorithm(fields.digestAlgorithm),
    ...(signedAttributes ? [element(contextTag(0), ...setMembers(signedAttributes))] : []),
    algorithm(OID.rsaEncryption),
    octetString(fields.signature),
  );
}

/** The bytes that a signature over signed attributes is made over (RFC 2315 section 9.3). */
export const signedAttributesMessage = (attributes: readonly Uint8Array[]): Uint8Array =>
  setOf(...attributes);

export const attribute = (type: string, value: Uint8Array): Uint8Array =>
  sequence(oid(type), setOf(value));

const algorithm = (id: string): Uint8Array => sequence(oid(id), nullValue());

const setMembers = (members: readonly Uint8Array[]): Uint8Array[] =>
  members.toSorted((a, b) => Buffer.compare(a, b));
