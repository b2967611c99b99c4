/** The leaf certificate that signs attested documents, as Azure's have been since 2026. */
import { OID } from '../../../shared/encoding/oids.ts';
import { type Authority, daysFrom } from './authority.ts';
import { newSerialNumber, signCertificate } from './certificate.ts';
import { type CertificateKey, keyIdentifier } from './certificate-key.ts';
import {
  authority,
  authorityInfoAccess,
  authorityKeyIdentifier,
  crlDistributionPoints,
  endEntity,
  extendedKeyUsage,
  keyUsage,
  leafPolicies,
  leafTemplate,
  signedCertificateTimestamps,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import {
  ATTESTED_DOMAIN,
  certificateUrls,
  crlUrls,
  leafName,
  OCSP_URL,
} from './microsoft-names.ts';

export interface Leaf {
  readonly certificate: Uint8Array;
  /** DER of the issuer's name. */
  readonly issuer: Uint8Array;
  /** Two's complement bytes. */
  readonly serialNumber: Uint8Array;
}

/** What is wrong with a leaf. */
export interface LeafBends {
  readonly expired?: boolean;
  readonly notYetValid?: boolean;
  /** Instead of `metadata.azure.com`. */
  readonly commonName?: string;
  /** Instead of `<region>.metadata.azure.com` and `metadata.azure.com`. Empty: no such extension. */
  readonly dnsNames?: readonly string[];
  /** Basic constraints say that it is an authority. */
  readonly authority?: boolean;
  /** Extended key usage without serverAuth, or none at all. */
  readonly extendedKeyUsage?: 'client_only' | 'absent';
  /** Signed with SHA-1. */
  readonly sha1?: boolean;
  /** Instead of a number of its own: another certificate's, to be mistaken for it. */
  readonly serialNumber?: Uint8Array;
}

/** Days that a leaf lives before and after the time at which it is made. */
export const LEAF_DAYS = { before: 30, after: 150 } as const;

/** `by` is the leaf's own key for a leaf that signs itself. */
export function createLeaf(
  region: string,
  key: CertificateKey,
  by: Authority | 'itself',
  at: Date,
  bends: LeafBends = {},
): Leaf {
  const subject = leafName(bends.commonName ?? ATTESTED_DOMAIN);
  const issuer = by === 'itself' ? { name: subject, key, commonName: ATTESTED_DOMAIN } : by;
  const serialNumber = bends.serialNumber ?? newSerialNumber();
  const [notBefore, notAfter] = bends.expired
    ? [-LEAF_DAYS.after, -1]
    : bends.notYetValid
      ? [1, LEAF_DAYS.after]
      : [-LEAF_DAYS.before, LEAF_DAYS.after];
  const certificate = signCertificate(
    {
      serialNumber,
      issuer: issuer.name,
      subject,
      notBefore: daysFrom(at, notBefore),
      notAfter: daysFrom(at, notAfter),
      publicKeyInfo: key.publicKeyInfo,
      extensions: leafExtensions(region, key, issuer, at, bends),
    },
    issuer.key,
    bends.sha1 ? 'sha1' : 'sha384',
  );
  return { certificate, issuer: issuer.name, serialNumber };
}

function leafExtensions(
  region: string,
  key: CertificateKey,
  issuer: Pick<Authority, 'key' | 'commonName'>,
  at: Date,
  bends: LeafBends,
): Uint8Array[] {
  const purpose = bends.extendedKeyUsage === 'client_only' ? OID.clientAuth : OID.serverAuth;
  const dnsNames = bends.dnsNames ?? [`${region}.${ATTESTED_DOMAIN}`, ATTESTED_DOMAIN];
  return [
    signedCertificateTimestamps(at),
    ...leafTemplate(purpose),
    authorityInfoAccess(certificateUrls(issuer.commonName), OCSP_URL),
    subjectKeyIdentifier(keyIdentifier(key)),
    keyUsage('digitalSignature', 'keyEncipherment'),
    ...(dnsNames.length > 0 ? [subjectAltName(dnsNames)] : []),
    bends.authority ? authority() : endEntity(),
    crlDistributionPoints(crlUrls(issuer.commonName, 'partition/')),
    leafPolicies(),
    authorityKeyIdentifier(keyIdentifier(issuer.key)),
    ...(bends.extendedKeyUsage === 'absent' ? [] : [extendedKeyUsage(purpose)]),
  ];
}
