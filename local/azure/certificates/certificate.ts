/** Writes X.509 certificates (RFC 5280), right or wrong as it is told: nothing is checked. */
import { randomBytes } from 'node:crypto';
import { TAG } from '../../../shared/encoding/der-decode.ts';
import {
  bitString,
  element,
  explicit,
  oid,
  printableString,
  sequence,
  smallInteger,
  time,
} from '../../../shared/encoding/der-encode.ts';
import type { CertificateDigest, CertificateKey } from './certificate-key.ts';

export interface CertificateFields {
  /** Two's complement bytes. */
  readonly serialNumber: Uint8Array;
  /** DER of the names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** DER of each extension, in order. */
  readonly extensions: readonly Uint8Array[];
}

/** The certificate's DER. */
export function signCertificate(
  fields: CertificateFields,
  key: CertificateKey,
  digest: CertificateDigest = 'sha384',
): Uint8Array {
  const algorithm = key.algorithm(digest);
  const toBeSigned = sequence(
    explicit(0, smallInteger(2)),
    element(TAG.integer, fields.serialNumber),
    algorithm,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    fields.publicKeyInfo,
    explicit(3, sequence(...fields.extensions)),
  );
  return sequence(toBeSigned, algorithm, bitString(key.sign(digest, toBeSigned)));
}

/** A name of one attribute per element, as `[['2.5.4.3', 'metadata.azure.com']]`, in DER. */
export const distinguishedName = (
  attributes: readonly (readonly [type: string, text: string])[],
): Uint8Array =>
  sequence(
    ...attributes.map(([type, text]) =>
      element(TAG.set, sequence(oid(type), printableString(text))),
    ),
  );

/** 19 bytes as Microsoft has them, positive and minimal. */
export const newSerialNumber = (): Uint8Array => Buffer.concat([Buffer.of(0x41), randomBytes(18)]);
