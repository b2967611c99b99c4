/** The certificates of the `tls` authority: root, issuing, and the leaves that bots get. */
import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { OID } from '../encoding/oids.ts';
import { checkHostPrincipals } from './host-principals.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonName,
  crlDistributionPoint,
  EMPTY_NAME,
  extendedKeyUsage,
  hostAlternativeNames,
  keyUsage,
  listName,
  publicKeyInfo,
  signed,
  subjectKeyIdentifier,
  toBeSigned,
  uriAlternativeName,
} from './x509.ts';

/** Certificates are valid from a minute ago on, for clocks that are a little behind. */
export const BACKDATED_SECONDS = 60;

/** A serial number: 16 random bytes, positive, never shortened by a leading zero. */
export function randomSerialNumber(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

interface Terms extends Validity {
  /** Below it everybody finds the lists of what is revoked, by `listName`; absent: the certificate doesn't say where. */
  readonly crlAddress?: string | undefined;
}

/**
 * Makes a root's certificate. `signWithRoot` signs with ECDSA and SHA-384. It names its trust domain as SPIFFE asks of what signs
 * SVIDs (X509-SVID section 3.2). Issuing certificates don't: they sign trust bundles, too, and no signing SVID may have that usage.
 */
export async function issueRootCertificate(
  name: string,
  trustDomain: string,
  key: KeyObject,
  { notBefore, notAfter }: Validity,
  signWithRoot: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const subject = commonName(name);
  const spki = publicKeyInfo(key);
  const tbs = toBeSigned({
    serialNumber: randomSerialNumber(),
    signatureAlgorithm: 'ecdsaWithSHA384',
    issuer: subject,
    subject,
    notBefore,
    notAfter,
    publicKeyInfo: spki,
    extensions: [
      // Room for a successor that this root certifies, and its issuing certificates.
      basicConstraints({ pathLength: ROOT_PATH_LENGTH }),
      keyUsage('keyCertSign', 'crlSign'),
      subjectKeyIdentifier(spki),
      uriAlternativeName(`spiffe://${trustDomain}`),
    ],
  });
  return signed(tbs, 'ecdsaWithSHA384', await signWithRoot(tbs));
}

export const ROOT_PATH_LENGTH = 2;

/** The successor of a root, as the certificate that its predecessor makes for it says. */
export interface CrossedRoot extends Terms {
  /** DER of the successor's subject and SubjectPublicKeyInfo. */
  readonly subject: Uint8Array;
  readonly publicKeyInfo: Uint8Array;
}

/** Certifies a root under its predecessor: whoever knows only that one believes what the successor signs. */
export async function issueCrossCertificate(
  { subject, publicKeyInfo: spki, notBefore, notAfter, crlAddress }: CrossedRoot,
  trustDomain: string,
  predecessor: IssuerNames,
  signWithRoot: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const tbs = toBeSigned({
    serialNumber: randomSerialNumber(),
    signatureAlgorithm: 'ecdsaWithSHA384',
    issuer: predecessor.subject,
    subject,
    notBefore,
    notAfter,
    publicKeyInfo: spki,
    extensions: [
      basicConstraints({ pathLength: ROOT_PATH_LENGTH - 1 }),
      keyUsage('keyCertSign', 'crlSign'),
      subjectKeyIdentifier(spki),
      authorityKeyIdentifier(predecessor.publicKeyInfo),
      ...listOf(predecessor, crlAddress),
      uriAlternativeName(`spiffe://${trustDomain}`),
    ],
  });
  return signed(tbs, 'ecdsaWithSHA384', await signWithRoot(tbs));
}

/** The root as an issuer sees it. */
export interface IssuerNames {
  /** DER of the issuer's subject and SubjectPublicKeyInfo. */
  readonly subject: Uint8Array;
  readonly publicKeyInfo: Uint8Array;
}

/** Makes an issuing certificate. It also signs trust bundles, hence `digitalSignature`. */
export async function issueIssuingCertificate(
  name: string,
  key: KeyObject,
  { notBefore, notAfter, crlAddress }: Terms,
  root: IssuerNames,
  signWithRoot: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const spki = publicKeyInfo(key);
  const tbs = toBeSigned({
    serialNumber: randomSerialNumber(),
    signatureAlgorithm: 'ecdsaWithSHA384',
    issuer: root.subject,
    subject: commonName(name),
    notBefore,
    notAfter,
    publicKeyInfo: spki,
    extensions: [
      basicConstraints({ pathLength: 0 }),
      keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
      subjectKeyIdentifier(spki),
      authorityKeyIdentifier(root.publicKeyInfo),
      ...listOf(root, crlAddress),
    ],
  });
  return signed(tbs, 'ecdsaWithSHA384', await signWithRoot(tbs));
}

interface Leaf extends Terms {
  readonly serialNumber: Uint8Array;
  /** SPIFFE ID (https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md). */
  readonly uri: string;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
}

export interface TlsLeaf extends Leaf {
  /** The bot's name. */
  readonly commonName: string;
}

export interface HostTlsLeaf extends Leaf {
  /** DNS names; never none. */
  readonly names: readonly string[];
}

/** An issuing key with its names, ready to sign. ECDSA P-256. */
export interface TlsIssuer extends IssuerNames {
  readonly privateKey: KeyObject;
}

/**
 * Makes a bot's certificate, DER. Everything in it comes from the arguments, nothing from a CSR (rule 11). It is an SVID,
 * which is for both ends of a connection; it has no DNS name, so it passes for no server that is called by one.
 */
export const issueTlsCertificate = (leaf: TlsLeaf, issuer: TlsIssuer): Uint8Array =>
  issueLeaf(leaf, issuer, commonName(leaf.commonName), [
    extendedKeyUsage(OID.serverAuth, OID.clientAuth),
    uriAlternativeName(leaf.uri),
  ]);

/**
 * Makes a host's certificate, DER, for both ends of a connection. Its subject is empty, so that no host passes for a bot
 * where a server looks at common names.
 */
export function issueHostTlsCertificate(leaf: HostTlsLeaf, issuer: TlsIssuer): Uint8Array {
  checkHostPrincipals(leaf.names);
  return issueLeaf(leaf, issuer, EMPTY_NAME, [
    extendedKeyUsage(OID.serverAuth, OID.clientAuth),
    hostAlternativeNames(leaf.names, leaf.uri),
  ]);
}

function issueLeaf(
  leaf: Leaf,
  issuer: TlsIssuer,
  subject: Uint8Array,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const spki = leaf.publicKeyInfo;
  const tbs = toBeSigned({
    serialNumber: leaf.serialNumber,
    signatureAlgorithm: 'ecdsaWithSHA256',
    issuer: issuer.subject,
    subject,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    publicKeyInfo: spki,
    extensions: [
      basicConstraints(),
      keyUsage('digitalSignature'),
      subjectKeyIdentifier(spki),
      authorityKeyIdentifier(issuer.publicKeyInfo),
      ...listOf(issuer, leaf.crlAddress),
      ...extensions,
    ],
  });
  return signed(tbs, 'ecdsaWithSHA256', sign('sha256', tbs, issuer.privateKey));
}

const listOf = ({ publicKeyInfo: spki }: IssuerNames, address: string | undefined): Uint8Array[] =>
  address === undefined ? [] : [crlDistributionPoint(`${address}/${listName(spki)}.crl`)];
