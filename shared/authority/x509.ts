/** X.509 certificates of our own (RFC 5280): names, extensions, and the two steps of making one. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { KEY_USAGE } from '../encoding/certificate.ts';
import { DerReader, decodeBitString, TAG } from '../encoding/der-decode.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  namedBits,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  time,
  unsignedInteger,
  utf8String,
} from '../encoding/der-encode.ts';
import { OID } from '../encoding/oids.ts';

export type SignatureAlgorithm = 'ecdsaWithSHA256' | 'ecdsaWithSHA384';

export interface CertificateContents {
  /** 16 unsigned bytes. */
  readonly serialNumber: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** DER of the names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** DER of the extensions. */
  readonly extensions: readonly Uint8Array[];
}

/** The part of a certificate that is signed. */
export function toBeSigned(contents: CertificateContents): Uint8Array {
  return sequence(
    explicit(0, smallInteger(2)),
    unsignedInteger(contents.serialNumber),
    sequence(oid(OID[contents.signatureAlgorithm])),
    contents.issuer,
    sequence(time(contents.notBefore), time(contents.notAfter)),
    contents.subject,
    contents.publicKeyInfo,
    explicit(3, sequence(...contents.extensions)),
  );
}

/** The whole certificate. */
export const signed = (
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array => sequence(tbs, sequence(oid(OID[algorithm])), bitString(signature));

/** No name at all. */
export const EMPTY_NAME: Uint8Array = sequence();

/** A name with a common name only. */
export const commonName = (text: string): Uint8Array =>
  sequence(setOf(sequence(oid(OID.commonName), utf8String(text))));

export const publicKeyInfo = (key: KeyObject): Uint8Array =>
  key.export({ format: 'der', type: 'spki' });

/** DER of the SubjectPublicKeyInfo that belongs to a private key, PKCS#8 in DER; `undefined` for anything else. */
export function publicKeyOfPrivate(pkcs8: Uint8Array): Uint8Array | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    return publicKeyInfo(createPublicKey(key));
  } catch {
    return undefined;
  }
}

/** Key identifier: SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1). A name, not a protection. */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const info = new DerReader(spki).enter(TAG.sequence);
  info.read(TAG.sequence);
  return createHash('sha1')
    .update(decodeBitString(info.read(TAG.bitString)))
    .digest();
}

export const extension = (id: string, critical: boolean, value: Uint8Array): Uint8Array =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

export const basicConstraints = (authority?: { readonly pathLength: number }): Uint8Array =>
  extension(
    OID.basicConstraints,
    true,
    authority ? sequence(boolean(true), smallInteger(authority.pathLength)) : sequence(),
  );

export const keyUsage = (...usages: readonly (keyof typeof KEY_USAGE)[]): Uint8Array =>
  extension(OID.keyUsage, true, namedBits(usages.map((usage) => KEY_USAGE[usage])));

export const extendedKeyUsage = (...purposes: readonly string[]): Uint8Array =>
  extension(OID.extendedKeyUsage, false, sequence(...purposes.map(oid)));

export const subjectKeyIdentifier = (spki: Uint8Array): Uint8Array =>
  extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(spki)));

export const authorityKeyIdentifier = (issuerSpki: Uint8Array): Uint8Array =>
  extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, keyIdentifier(issuerSpki))));

/** How the list of an authority is named in addresses: the hex of its key identifier, which certificates show. */
export const listName = (issuerSpki: Uint8Array): string =>
  Buffer.from(keyIdentifier(issuerSpki)).toString('hex');

/** Where the issuer's list is (RFC 5280 section 4.2.1.13): one point, one address, all reasons. */
export const crlDistributionPoint = (url: string): Uint8Array =>
  extension(
    OID.crlDistributionPoints,
    false,
    sequence(sequence(explicit(0, explicit(0, uniformResourceIdentifier(url))))),
  );

export const dnsAlternativeNames = (names: readonly string[]): Uint8Array =>
  extension(OID.subjectAltName, false, sequence(...names.map(dnsName)));

export const uriAlternativeName = (uri: string): Uint8Array =>
  extension(OID.subjectAltName, false, sequence(uniformResourceIdentifier(uri)));

/** A host's names. Critical, since its certificate has no other subject (RFC 5280 section 4.2.1.6). */
export const hostAlternativeNames = (names: readonly string[], uri: string): Uint8Array =>
  extension(
    OID.subjectAltName,
    true,
    sequence(...names.map(dnsName), uniformResourceIdentifier(uri)),
  );

const dnsName = (name: string): Uint8Array => implicit(2, Buffer.from(name));

const uniformResourceIdentifier = (uri: string): Uint8Array => implicit(6, Buffer.from(uri));
