/**
 * What the broker signs for agents, the trust bundle and the revocation lists: a detached JWS (RFC 7515 appendix F) by an issuing
 * key, with the chain up to a root in `x5c`.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, errors, flattenedVerify } from 'jose';
import { signedPayload } from '../shared/protocol/trust.ts';
import { Failure } from './failure.ts';
import { checkChain, issued } from './tls-chain.ts';

/** What was signed, for messages. */
export interface Signed {
  /** Such as `the broker's trust bundle`. */
  readonly name: string;
  /** Whose signature it needs, such as `one of its own roots`. */
  readonly under: string;
}

type Path = readonly [X509Certificate, ...X509Certificate[]];

export interface Signer {
  /** The signer first; the last one is signed by the root. */
  readonly path: Path;
  readonly root: X509Certificate;
}

/** What was accepted last of one kind of document. */
export interface KnownVersion {
  readonly version: number;
  /** Unix seconds from which on its signer's certificate was valid. Agents of before did not remember it. */
  readonly signedFrom?: number | undefined;
  /** A digest of what it says, whenever it was made. Agents of before did not remember it. */
  readonly says?: string | undefined;
}

/** Unix seconds from which on the signer's certificate is valid. Only a root can make one that begins later. */
export const signedFrom = ({ path: [signer] }: Signer): number =>
  Date.parse(signer.validFrom) / 1000;

/**
 * Whether a document is older than the one that is known. A later signer counts for more than a version: an issuing key that
 * leaked can sign any number, and must not shut out what its successor signs. An earlier signer's word is good only for what is
 * known, word by word: what it says beyond that was its successor's to say.
 */
export function isOlder(
  { version, signedFrom: from, says }: Required<KnownVersion> & { readonly signedFrom: number },
  known: KnownVersion,
): boolean {
  const later = from - (known.signedFrom ?? from);
  if (later === 0) return version < known.version;
  return later < 0 && (version !== known.version || says !== known.says);
}

const MOST_SIGNERS = 3;

/**
 * Verifies the signature over the body's other members, and that it leads to one of these roots: to a pinned one, where there
 * are pins. Throws a `Failure` that names what is wrong.
 */
export async function verifySigned(
  signed: Signed,
  body: { readonly signature: string },
  {
    roots,
    pins,
    now,
  }: {
    readonly roots: readonly X509Certificate[];
    readonly pins: readonly string[];
    readonly now: Date;
  },
): Promise<Signer> {
  const chain = await verifySignature(signed, body);
  const paths = pathsOf(chain, roots);
  const [first] = paths;
  if (!first) throw untrusted(signed, `it is not signed under ${signed.under}`);
  // A joined bot's certificate leads to the same root: only an authority speaks for the broker.
  if (!chain.every((certificate) => certificate.ca)) {
    throw untrusted(signed, 'its signer is not a certificate authority');
  }
  const signer = paths.find((one) => pins.includes(pinOf(one.root))) ?? first;
  checkChain([...signer.path, signer.root], [signer.root], now);
  const pin = pinOf(signer.root);
  if (pins.length > 0 && !pins.includes(pin)) {
    throw untrusted(
      signed,
      `its root is ${pin}, which is not among the configured CA pins: compare with "joinctl status"`,
    );
  }
  return signer;
}

/**
 * The ways from the signer to one of the roots. There are two while a root's successor signs: to the successor itself, and
 * over its certificate by the older root.
 */
function pathsOf(chain: Path, roots: readonly X509Certificate[]): Signer[] {
  const paths: Signer[] = [];
  const [signer, ...above] = chain;
  for (const [position, certificate] of chain.entries()) {
    const path: Path = [signer, ...above.slice(0, position)];
    const ends = roots.filter((root) => issued(root, certificate));
    paths.push(...ends.map((root) => ({ path, root })));
    const next = chain[position + 1];
    if (!next || !issued(next, certificate)) break;
  }
  return paths;
}

/** `sha256:` and the hex SHA-256 of the certificate's SubjectPublicKeyInfo. */
export function pinOf(root: X509Certificate): string {
  const publicKeyInfo = root.publicKey.export({ format: 'der', type: 'spki' });
  return `sha256:${createHash('sha256').update(publicKeyInfo).digest('hex')}`;
}

/** The signature's certificates, the signer first and the root last, after it was verified with the signer's key. */
async function verifySignature(
  signed: Signed,
  body: { readonly signature: string },
): Promise<Path> {
  const [header, detached, signature, ...rest] = body.signature.split('.');
  if (!header || detached !== '' || !signature || rest.length > 0) {
    throw untrusted(signed, 'its signature is not a detached JWS');
  }
  const without = untrusted(signed, 'its signature comes without its certificates');
  try {
    const { x5c } = decodeProtectedHeader({ protected: header });
    if (!Array.isArray(x5c) || x5c.length > MOST_SIGNERS) throw without;
    const [signer, ...above] = x5c.map((text) =>
      readCertificate(signed, Buffer.from(text, 'base64')),
    );
    if (!signer) throw without;
    const payload = Buffer.from(signedPayload(body)).toString('base64url');
    await flattenedVerify({ protected: header, payload, signature }, signer.publicKey, {
      algorithms: ['ES256'],
    });
    return [signer, ...above];
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) {
      throw untrusted(signed, `its signature is not valid (${error.message})`);
    }
    throw error;
  }
}

export function readCertificate(signed: Signed, der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    // OpenSSL's reason names its own source files: of no use to an operator.
    throw untrusted(signed, 'it holds something that is not a certificate');
  }
}

/** The failure of what is not believed. */
export const untrusted = ({ name }: Pick<Signed, 'name'>, why: string): Failure =>
  new Failure('untrusted', `${name} is not accepted: ${why}`);
