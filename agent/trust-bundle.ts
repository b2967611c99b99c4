/** Whether a trust bundle may be installed: signed under one of its own roots, which is pinned, and no step back. */
import { createHash, X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, errors, flattenedVerify } from 'jose';
import { parseCertificate } from '../shared/encoding/certificate.ts';
import { decodePem } from '../shared/encoding/pem.ts';
import { type TrustBundle, trustPayload } from '../shared/protocol/trust.ts';
import { parseTimestamp } from '../shared/protocol/values.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import { checkChain, issued } from './tls-chain.ts';

/** A bundle that was verified. */
export interface VerifiedTrust {
  readonly bundle: TrustBundle;
  readonly roots: readonly X509Certificate[];
  /** The CA pin of the root that its signature leads to. */
  readonly root: string;
  /** That one, and the pin of a successor that this root itself has certified. */
  readonly pins: readonly string[];
}

/** What the agent trusted before: a bundle of the same root must not be older. */
export interface KnownTrust {
  readonly root: string;
  readonly version: number;
  readonly cluster: string;
  /** When to ask for a newer bundle, as the bundle says. */
  readonly refreshAfter: string;
  /** The pins that its root vouched for, and those that the config had: as long as it has them, it follows a root to its successor. */
  readonly pins?: readonly string[] | undefined;
  readonly configured?: readonly string[] | undefined;
}

/**
 * The pins that count: those of the config, and those that a root which counts has vouched for. Without pins
 * any root of the broker's own counts. Other pins in the config are a new beginning: a root that leaked is followed nowhere.
 */
export function countingPins(
  configured: readonly string[],
  known: KnownTrust | undefined,
): readonly string[] {
  const follows =
    configured.length > 0 && known?.configured?.toSorted().join() === configured.toSorted().join();
  return follows ? [...new Set([...configured, ...(known.pins ?? [])])] : configured;
}

const SKEW_MS = 5 * 60_000;
const MOST_ROOTS = 8;
const MOST_SIGNERS = 3;

/**
 * Without pins the bundle is taken as the TLS connection delivered it, if it is signed by a root of its own. Throws a
 * `Failure` that names what is wrong.
 */
export async function verifyTrustBundle(
  bundle: TrustBundle,
  expected: {
    readonly pins: readonly string[];
    readonly known: KnownTrust | undefined;
    readonly now: Date;
  },
): Promise<VerifiedTrust> {
  const { known, now } = expected;
  const pins = countingPins(expected.pins, known);
  const roots = readRoots(bundle);
  const chain = await verifySignature(bundle);
  const paths = pathsOf(chain, roots);
  const [first] = paths;
  if (!first) throw untrusted('it is not signed under one of its own roots');
  // A joined bot's certificate leads to the same root: only an authority speaks for the broker.
  if (!chain.every((certificate) => certificate.ca)) {
    throw untrusted('its signer is not a certificate authority');
  }
  const { path, root } = paths.find((one) => pins.includes(pinOf(one.root))) ?? first;
  checkChain([...path, root], [root], now);

  const pin = pinOf(root);
  if (pins.length > 0 && !pins.includes(pin)) {
    throw untrusted(
      `its root is ${pin}, which is not among the configured CA pins: compare with "joinctl status"`,
    );
  }
  // Also across roots: a successor's bundles count on.
  const comparable = known && (known.root === pin || known.cluster === bundle.cluster);
  if (comparable && bundle.version < known.version) {
    // Just after a change of keys, one instance of the broker may know less than another: the next answer will do.
    throw new Failure(
      'try_again',
      `${NOT_ACCEPTED}: its version is ${bundle.version}, older than ${known.version}, which is installed`,
    );
  }
  if (known && known.root === pin && bundle.cluster !== known.cluster) {
    throw untrusted(`it is of cluster ${printable(bundle.cluster)}, not of ${known.cluster}`);
  }
  const expires = parseTimestamp(bundle.expires);
  if (!expires || expires.getTime() + SKEW_MS < now.getTime()) {
    throw untrusted(
      `it expired at ${bundle.expires}; this machine's clock says ${now.toISOString()}`,
    );
  }
  return { bundle, roots, root: pin, pins: [pin, ...successorsOf(path, roots)] };
}

/**
 * The pin of the root that the path's own root has certified. What a bundle merely names counts for nothing: issuing keys
 * sign bundles, and one that leaked must not leave a root of its own behind. An issuing certificate may certify no authority
 * (path length 0), a successor's may.
 */
function successorsOf(
  path: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly string[] {
  const certified = path.at(-1);
  if (!certified || path.length < 2) return [];
  const { basicConstraints } = parseCertificate(certified.raw).extensions;
  if ((basicConstraints?.pathLength ?? 0) < 1) return [];
  const pin = pinOf(certified);
  return roots.some((root) => pinOf(root) === pin) ? [pin] : [];
}

interface Path {
  readonly path: readonly X509Certificate[];
  readonly root: X509Certificate;
}

/**
 * The ways from the signer to a root of the bundle. There are two while a root's successor signs: to the successor itself, and
 * over its certificate by the older root.
 */
function pathsOf(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): Path[] {
  const paths: Path[] = [];
  for (const [position, certificate] of chain.entries()) {
    const path = chain.slice(0, position + 1);
    const ends = roots.filter((root) => issued(root, certificate));
    paths.push(
      ...ends.map((root) =>
        root.raw.equals(certificate.raw) ? { path: path.slice(0, -1), root } : { path, root },
      ),
    );
    const next = chain[position + 1];
    if (!next || !issued(next, certificate)) break;
  }
  return paths;
}

/** `sha256:` and the hex SHA-256 of the certificate's SubjectPublicKeyInfo. */
function pinOf(root: X509Certificate): string {
  const publicKeyInfo = root.publicKey.export({ format: 'der', type: 'spki' });
  return `sha256:${createHash('sha256').update(publicKeyInfo).digest('hex')}`;
}

function readRoots(bundle: TrustBundle): X509Certificate[] {
  const ders = decodePem('CERTIFICATE', bundle.tls.roots) ?? [];
  if (ders.length === 0 || ders.length > MOST_ROOTS)
    throw untrusted('its roots are not PEM certificates');
  return ders.map((der) => readCertificate(Buffer.from(der)));
}

/** The signature's certificates, the signer first and the root last, after it was verified with the signer's key. */
async function verifySignature(bundle: TrustBundle): Promise<X509Certificate[]> {
  const [header, detached, signature, ...rest] = bundle.signature.split('.');
  if (!header || detached !== '' || !signature || rest.length > 0) {
    throw untrusted('its signature is not a detached JWS');
  }
  try {
    const { x5c } = decodeProtectedHeader({ protected: header });
    if (!Array.isArray(x5c) || x5c.length > MOST_SIGNERS)
      throw untrusted('its signature comes without its certificates');
    const chain = x5c.map((text) => readCertificate(Buffer.from(text, 'base64')));
    const [signer] = chain;
    if (!signer) throw untrusted('its signature comes without its certificates');
    const payload = Buffer.from(trustPayload(bundle)).toString('base64url');
    await flattenedVerify({ protected: header, payload, signature }, signer.publicKey, {
      algorithms: ['ES256'],
    });
    return chain;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) {
      throw untrusted(`its signature is not valid (${error.message})`);
    }
    throw error;
  }
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    // OpenSSL's reason names its own source files: of no use to an operator.
    throw untrusted('it holds something that is not a certificate');
  }
}

const NOT_ACCEPTED = "the broker's trust bundle is not accepted";

const untrusted = (why: string): Failure => new Failure('untrusted', `${NOT_ACCEPTED}: ${why}`);
