/** The extensions of Microsoft's certificates (RFC 5280 section 4.2), each as DER. */
import { randomBytes } from 'node:crypto';

import {
  boolean,
  element,
  explicit,
  ia5String,
  implicit,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
  unsignedInteger,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { MICROSOFT_OID } from './microsoft-oids.ts';

function extension(id: string, value: Uint8Array, critical: 'critical' | 'plain'): Uint8Array {
  const flag = critical === 'critical' ? [boolean(true)] : [];
  return sequence(oid(id), ...flag, octetString(value));
}

export const endEntity = (): Uint8Array => extension(OID.basicConstraints, sequence(), 'critical');

export const authority = (pathLength?: number): Uint8Array => {
  const limit = pathLength === undefined ? [] : [smallInteger(pathLength)];
  return extension(OID.basicConstraints, sequence(boolean(true), ...limit), 'critical');
};

export const KEY_USAGE_BIT = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyCertSign: 5,
  crlSign: 6,
} as const;

export const keyUsage = (...uses: (keyof typeof KEY_USAGE_BIT)[]): Uint8Array =>
  extension(OID.keyUsage, namedBits(uses.map((use) => KEY_USAGE_BIT[use])), 'critical');

export const extendedKeyUsage = (...purposes: string[]): Uint8Array =>
  extension(OID.extendedKeyUsage, sequence(...purposes.map(oid)), 'plain');

export const subjectAltName = (dnsNames: readonly string[]): Uint8Array =>
  extension(
    OID.subjectAltName,
    sequence(...dnsNames.map((name) => implicit(2, Buffer.from(name, 'latin1')))),
    'plain',
  );

export const subjectKeyIdentifier = (id: Uint8Array): Uint8Array =>
  extension(OID.subjectKeyIdentifier, octetString(id), 'plain');

export const authorityKeyIdentifier = (id: Uint8Array): Uint8Array =>
  extension(OID.authorityKeyIdentifier, sequence(implicit(0, id)), 'plain');

const uri = (url: string): Uint8Array => implicit(6, Buffer.from(url, 'latin1'));

export const authorityInfoAccess = (issuerUrls: readonly string[], ocsp: string): Uint8Array =>
  extension(
    OID.authorityInfoAccess,
    sequence(
      ...issuerUrls.map((url) => sequence(oid(OID.caIssuers), uri(url))),
      sequence(oid(MICROSOFT_OID.ocsp), uri(ocsp)),
    ),
    'plain',
  );

export const crlDistributionPoints = (urls: readonly string[]): Uint8Array =>
  extension(
    OID.crlDistributionPoints,
    sequence(sequence(explicit(0, explicit(0, ...urls.map(uri))))),
    'plain',
  );

export const leafPolicies = (): Uint8Array => {
  const statement = ia5String('http://www.microsoft.com/pkiops/Docs/Repository.htm');
  const qualifiers = sequence(sequence(oid(MICROSOFT_OID.practiceStatement), statement));
  return extension(
    OID.certificatePolicies,
    sequence(
      sequence(oid(MICROSOFT_OID.organisationValidated)),
      sequence(oid(MICROSOFT_OID.certificatePolicy), qualifiers),
    ),
    'plain',
  );
};

export const authorityPolicies = (): Uint8Array =>
  extension(
    OID.certificatePolicies,
    sequence(sequence(oid(MICROSOFT_OID.organisationValidated))),
    'plain',
  );

/** Permits exactly the names that the leaf has: whoever processed it would find nothing wrong. */
export const nameConstraints = (domain: string): Uint8Array => {
  const permitted = sequence(implicit(2, Buffer.from(domain, 'latin1')));
  return extension(OID.nameConstraints, sequence(explicit(0, permitted)), 'critical');
};

export const unknownCriticalExtension = (): Uint8Array =>
  extension(MICROSOFT_OID.unknownExtension, sequence(), 'critical');

/** Microsoft's own extensions of a leaf: which template and purposes it was made for. */
export const leafTemplate = (...purposes: string[]): Uint8Array[] => [
  extension(
    MICROSOFT_OID.applicationPolicies,
    sequence(...purposes.map((purpose) => sequence(oid(purpose)))),
    'plain',
  ),
  extension(
    MICROSOFT_OID.certificateTemplate,
    sequence(oid(MICROSOFT_OID.template), smallInteger(100), smallInteger(32)),
    'plain',
  ),
];

export const authorityVersion = (): Uint8Array =>
  extension(MICROSOFT_OID.authorityVersion, smallInteger(0), 'plain');

const BMP_STRING = 0x1e;

export const subordinateTemplate = (): Uint8Array =>
  extension(
    MICROSOFT_OID.enrolledAs,
    element(BMP_STRING, Buffer.from('SubCA', 'utf16le').swap16()),
    'plain',
  );

/** Three timestamps of certificate transparency logs (RFC 6962 section 3.3) that no log ever made. */
export function signedCertificateTimestamps(at: Date): Uint8Array {
  const list = Buffer.concat([1, 2, 3].map(() => withLength(certificateTimestamp(at))));
  return extension(
    MICROSOFT_OID.signedCertificateTimestamps,
    octetString(withLength(list)),
    'plain',
  );
}

function certificateTimestamp(at: Date): Uint8Array {
  const head = Buffer.concat([Buffer.of(0), randomBytes(32), Buffer.alloc(8), Buffer.of(0, 0)]);
  head.writeBigUInt64BE(BigInt(at.getTime()), 33);
  const signature = sequence(unsignedInteger(randomBytes(32)), unsignedInteger(randomBytes(32)));
  const ecdsaWithSha256 = Buffer.of(4, 3);
  return Buffer.concat([head, ecdsaWithSha256, withLength(signature)]);
}

function withLength(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
