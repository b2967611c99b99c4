/** Attested documents: what IMDS signs to say which machine asked, and when. Any part can be bent by a named option. */
import { createHash, sign } from 'node:crypto';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { octetString, oid, time } from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import {
  attribute,
  encodeSignedData,
  encodeSignerInfo,
  signedAttributesMessage,
} from '../../../shared/encoding/signed-data-encode.ts';
import { MICROSOFT_OID } from '../certificates/microsoft-oids.ts';
import type { SigningChain } from '../certificates/signing-chain.ts';
import { withIndefiniteLengths } from './malformed-der.ts';

/** As IMDS answers it. */
export interface AttestedDocument {
  readonly encoding: 'pkcs7';
  /** Base64 of the DER. */
  readonly signature: string;
}

/** The machine that a document is about. */
export interface AttestedFacts {
  readonly vmId: string;
  readonly subscriptionId: string;
  readonly region: string;
}

type DocumentDigest = 'md5' | 'sha1' | 'sha256';

export interface DocumentOptions {
  /** Without one, the document carries its own expiry as a date, as Azure's do. */
  readonly nonce?: string;
  readonly createdOn?: Date;
  /** Six hours after its creation, unless said otherwise. */
  readonly expiresOn?: Date;
  /** Who signs: see `Cloud.signingChain`. */
  readonly chain?: SigningChain;
  /** Members of the content in place of the right ones; `null` leaves one out. */
  readonly content?: Readonly<Record<string, unknown>>;
  /** Changes the content after it was signed. */
  readonly changedContent?: (content: string) => string;
  /** One bit of the signature is wrong. */
  readonly changedSignature?: boolean;
  /** A second SignerInfo, and that signer's certificate. */
  readonly secondSigner?: SigningChain;
  readonly noSigner?: boolean;
  /** The SignerInfo names this chain's leaf, while the signature is made by the chain's own. */
  readonly signerNamedAs?: SigningChain;
  /** DER of further certificates, before and after the signer's. */
  readonly certificatesBefore?: readonly Uint8Array[];
  readonly certificatesAfter?: readonly Uint8Array[];
  /** Signs with this digest and names it by its own OID. Azure names `sha256WithRSAEncryption` and signs with SHA-256. */
  readonly digest?: DocumentDigest;
  /** Signed attributes, among them this signing time. */
  readonly signingTime?: Date;
  readonly indefiniteLengths?: boolean;
  /** Leaves the last bytes out. */
  readonly truncatedBy?: number;
  readonly trailingByte?: boolean;
}

const LIFE_MS = 6 * 3600 * 1000;

export function createAttestedDocument(
  facts: AttestedFacts,
  chain: SigningChain,
  at: Date,
  options: DocumentOptions = {},
): AttestedDocument {
  const content = contentOf(facts, at, options);
  const der = signContent(content, facts.region, options.chain ?? chain, options);
  return { encoding: 'pkcs7', signature: encodeBase64(bendEnd(der, options)) };
}

function contentOf(facts: AttestedFacts, at: Date, options: DocumentOptions): string {
  const createdOn = options.createdOn ?? at;
  const expiresOn = options.expiresOn ?? new Date(createdOn.getTime() + LIFE_MS);
  const members: Record<string, unknown> = {
    licenseType: '',
    nonce: options.nonce ?? dateNonce(expiresOn),
    plan: { name: '', product: '', publisher: '' },
    sku: '',
    subscriptionId: facts.subscriptionId,
    timeStamp: { createdOn: timeText(createdOn), expiresOn: timeText(expiresOn) },
    vmId: facts.vmId,
    ...options.content,
  };
  return JSON.stringify(
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)),
  );
}

/** `20260728-192400` */
const dateNonce = (at: Date): string =>
  at.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');

/** `07/28/26 13:24:00 -0000` */
function timeText(at: Date): string {
  const [date = '', clock = ''] = at.toISOString().slice(0, 19).split('T');
  const [year = '', month, day] = date.split('-');
  return `${month}/${day}/${year.slice(2)} ${clock} -0000`;
}

function signContent(
  text: string,
  region: string,
  chain: SigningChain,
  options: DocumentOptions,
): Uint8Array {
  const signed = Buffer.from(text, 'utf8');
  const leaves = [chain, options.secondSigner].filter((signer) => signer !== undefined);
  const signers = leaves.map((signer) => signerInfo(signed, region, signer, options));
  const certificates = [
    ...(options.certificatesBefore ?? []),
    ...new Set(leaves.map((signer) => signer.leaf(region).certificate)),
    ...(options.certificatesAfter ?? []),
  ];
  return encodeSignedData({
    digestAlgorithms: [digestOid(options.digest)],
    content: options.changedContent ? Buffer.from(options.changedContent(text), 'utf8') : signed,
    certificates,
    signers: options.noSigner ? [] : signers,
  });
}

function signerInfo(
  content: Uint8Array,
  region: string,
  chain: SigningChain,
  options: DocumentOptions,
): Uint8Array {
  const digest = options.digest ?? 'sha256';
  const signedAttributes = options.signingTime
    ? attributesOf(content, digest, options.signingTime)
    : undefined;
  const message = signedAttributes ? signedAttributesMessage(signedAttributes) : content;
  const signature = sign(digest, message, chain.leafKey.privateKey);
  if (options.changedSignature) signature[100] = (signature[100] ?? 0) ^ 1;
  const { issuer, serialNumber } = (options.signerNamedAs ?? chain).leaf(region);
  return encodeSignerInfo({
    issuer,
    serialNumber,
    digestAlgorithm: digestOid(options.digest),
    ...(signedAttributes && { signedAttributes }),
    signature,
  });
}

const attributesOf = (
  content: Uint8Array,
  digest: DocumentDigest,
  signingTime: Date,
): Uint8Array[] => [
  attribute(MICROSOFT_OID.contentType, oid(OID.pkcs7Data)),
  attribute(MICROSOFT_OID.signingTime, time(signingTime)),
  attribute(MICROSOFT_OID.messageDigest, octetString(createHash(digest).update(content).digest())),
];

const digestOid = (digest: DocumentDigest | undefined): string =>
  digest === undefined
    ? OID.sha256WithRSAEncryption
    : { md5: MICROSOFT_OID.md5, sha1: MICROSOFT_OID.sha1, sha256: OID.sha256 }[digest];

function bendEnd(der: Uint8Array, options: DocumentOptions): Uint8Array {
  const lengths = options.indefiniteLengths ? withIndefiniteLengths(der) : der;
  const whole = options.trailingByte ? Buffer.concat([lengths, Buffer.of(0)]) : lengths;
  return whole.subarray(0, whole.length - (options.truncatedBy ?? 0));
}
