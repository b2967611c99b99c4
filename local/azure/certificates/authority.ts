/** The simulated Microsoft's authorities: roots, and the issuing certificates that they sign, in any state of disrepair. */
import { OID } from '../../../shared/encoding/oids.ts';
import { newSerialNumber, signCertificate } from './certificate.ts';
import { type CertificateKey, keyIdentifier } from './certificate-key.ts';
import {
  authority,
  authorityInfoAccess,
  authorityKeyIdentifier,
  authorityPolicies,
  authorityVersion,
  crlDistributionPoints,
  endEntity,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectKeyIdentifier,
  subordinateTemplate,
  unknownCriticalExtension,
} from './extensions.ts';
import {
  ATTESTED_DOMAIN,
  authorityName,
  certificateUrls,
  crlUrls,
  OCSP_URL,
} from './microsoft-names.ts';

export interface Authority {
  readonly commonName: string;
  /** DER of its name. */
  readonly name: Uint8Array;
  readonly key: CertificateKey;
  readonly certificate: Uint8Array;
}

/** What is wrong with an issuing certificate. The rest of it, and all that it signs, is right. */
export interface IssuingBends {
  /** Extended key usage is e-mail protection only. */
  readonly emailOnly?: boolean;
  /** Critical name constraints, which its leaves satisfy. */
  readonly nameConstraints?: boolean;
  readonly unknownCriticalExtension?: boolean;
  /** Key usage lacks keyCertSign. */
  readonly noKeyCertSign?: boolean;
  /** Its path length of 0 is exceeded: one more authority stands between it and the leaf. */
  readonly pathLengthExceeded?: boolean;
  /** Basic constraints are left out, or say that it is no authority. */
  readonly basicConstraints?: 'absent' | 'not_ca';
  /** A working RSA key of 16,384 bits, or with exponent 3. */
  readonly key?: 'rsa_16384' | 'rsa_exponent_3';
  /** Signed with SHA-1. */
  readonly sha1?: boolean;
  readonly expired?: boolean;
  readonly notYetValid?: boolean;
}

const DAY = 24 * 3600 * 1000;

export const daysFrom = (at: Date, days: number): Date => new Date(at.getTime() + days * DAY);

export function createRoot(commonName: string, key: CertificateKey, at: Date): Authority {
  const name = authorityName(commonName);
  const certificate = signCertificate(
    {
      serialNumber: newSerialNumber(),
      issuer: name,
      subject: name,
      notBefore: daysFrom(at, -500),
      notAfter: daysFrom(at, 5000),
      publicKeyInfo: key.publicKeyInfo,
      extensions: [
        keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
        authority(),
        subjectKeyIdentifier(keyIdentifier(key)),
        authorityVersion(),
      ],
    },
    key,
  );
  return { commonName, name, key, certificate };
}

/** The same root, as another root vouches for it. */
export function crossSign(root: Authority, by: Authority, at: Date): Authority {
  return {
    ...root,
    certificate: signCertificate(
      {
        serialNumber: newSerialNumber(),
        issuer: by.name,
        subject: root.name,
        notBefore: daysFrom(at, -400),
        notAfter: daysFrom(at, 1000),
        publicKeyInfo: root.key.publicKeyInfo,
        extensions: [
          keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
          authority(),
          subjectKeyIdentifier(keyIdentifier(root.key)),
          authorityKeyIdentifier(keyIdentifier(by.key)),
          authorityInfoAccess(certificateUrls(by.commonName), OCSP_URL),
        ],
      },
      by.key,
    ),
  };
}

export function createIssuing(
  commonName: string,
  key: CertificateKey,
  by: Authority,
  at: Date,
  bends: IssuingBends = {},
): Authority {
  const name = authorityName(commonName);
  const [notBefore, notAfter] = bends.expired
    ? [-400, -1]
    : bends.notYetValid
      ? [1, 1000]
      : [-300, 1000];
  const certificate = signCertificate(
    {
      serialNumber: newSerialNumber(),
      issuer: by.name,
      subject: name,
      notBefore: daysFrom(at, notBefore),
      notAfter: daysFrom(at, notAfter),
      publicKeyInfo: key.publicKeyInfo,
      extensions: issuingExtensions(key, by, bends),
    },
    by.key,
    bends.sha1 ? 'sha1' : 'sha384',
  );
  return { commonName, name, key, certificate };
}

function issuingExtensions(key: CertificateKey, by: Authority, bends: IssuingBends): Uint8Array[] {
  const basicConstraints =
    bends.basicConstraints === 'absent'
      ? []
      : [bends.basicConstraints === 'not_ca' ? endEntity() : authority(0)];
  return [
    bends.noKeyCertSign
      ? keyUsage('digitalSignature', 'crlSign')
      : keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
    authorityVersion(),
    subjectKeyIdentifier(keyIdentifier(key)),
    authorityPolicies(),
    extendedKeyUsage(bends.emailOnly ? OID.emailProtection : OID.serverAuth),
    subordinateTemplate(),
    ...basicConstraints,
    authorityKeyIdentifier(keyIdentifier(by.key)),
    crlDistributionPoints(crlUrls(by.commonName, '')),
    authorityInfoAccess(certificateUrls(by.commonName), OCSP_URL),
    ...(bends.nameConstraints ? [nameConstraints(ATTESTED_DOMAIN)] : []),
    ...(bends.unknownCriticalExtension ? [unknownCriticalExtension()] : []),
  ];
}
