/** Whether a trust bundle may be installed: signed under one of its own roots, which is pinned, and no step back. */
import { createHash, type X509Certificate } from 'node:crypto';
import { decodePem } from '../shared/encoding/pem.ts';
import { signedPayload, type TrustBundle } from '../shared/protocol/trust.ts';
import { parseTimestamp } from '../shared/protocol/values.ts';
import {
  isOlder,
  type KnownVersion,
  pinOf,
  readCertificate,
  signedFrom,
  untrusted,
  verifySigned,
} from './broker-signature.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

/** A bundle that was verified. */
export interface VerifiedTrust {
  readonly bundle: TrustBundle;
  readonly roots: readonly X509Certificate[];
  /** The CA pin of the root that its signature leads to. */
  readonly root: string;
  /** Unix seconds from which on its signer's certificate is valid; those of a later signer that is known to have said the same. */
  readonly signedFrom: number;
  /** A digest of what it says, whenever it was made. */
  readonly says: string;
  /** That one, and the pin of a successor that this root itself has certified. */
  readonly pins: readonly string[];
}

/** What the agent trusted before: a bundle of the same root must not be older. */
export interface KnownTrust extends KnownVersion {
  readonly root: string;
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
const BUNDLE = { name: "the broker's trust bundle", under: 'one of its own roots' };

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
  const signer = await verifySigned(BUNDLE, bundle, { roots, pins, now });
  const pin = pinOf(signer.root);
  const [from, says] = [signedFrom(signer), saysOf(bundle)];
  // Also across roots: a successor's bundles count on.
  const comparable = known?.cluster === bundle.cluster;
  if (comparable && isOlder({ version: bundle.version, signedFrom: from, says }, known)) {
    // Just after a change of keys, one instance of the broker may know less than another: the next answer will do.
    throw new Failure(
      'try_again',
      bundle.version < known.version
        ? `${BUNDLE.name} is not accepted: its version is ${bundle.version}, older than ${known.version}, which is installed`
        : `${BUNDLE.name} is not accepted: it is signed with an older key than the one that is installed, and says something else`,
    );
  }
  if (known && known.root === pin && bundle.cluster !== known.cluster) {
    throw untrusted(
      BUNDLE,
      `it is of cluster ${printable(bundle.cluster)}, not of ${known.cluster}`,
    );
  }
  const expires = parseTimestamp(bundle.expires);
  if (!expires || expires.getTime() + SKEW_MS < now.getTime()) {
    throw untrusted(
      BUNDLE,
      `it expired at ${bundle.expires}; this machine's clock says ${now.toISOString()}`,
    );
  }
  const pinned = [pin, ...successorsOf(signer.path, roots)];
  // The word of an earlier signer must not open the way for what else that one says.
  const latest = comparable ? Math.max(from, known.signedFrom ?? from) : from;
  return { bundle, roots, root: pin, signedFrom: latest, says, pins: pinned };
}

/** The same for all bundles of one version, whichever instance of the broker made them, and when. */
function saysOf({ expires: _, refresh_after: __, ...said }: TrustBundle): string {
  return createHash('sha256').update(signedPayload(said)).digest('hex');
}

/**
 * The pin of the root that the path's own root has certified. What a bundle merely names counts for nothing: issuing keys
 * sign bundles, and one that leaked must not leave a root of its own behind. That it may certify no authority (path length 0)
 * was seen to with its chain.
 */
function successorsOf(
  [, ...above]: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly string[] {
  const certified = above.at(-1);
  if (!certified) return [];
  const pin = pinOf(certified);
  return roots.some((root) => pinOf(root) === pin) ? [pin] : [];
}

function readRoots(bundle: TrustBundle): X509Certificate[] {
  const ders = decodePem('CERTIFICATE', bundle.tls.roots) ?? [];
  if (ders.length === 0 || ders.length > MOST_ROOTS)
    throw untrusted(BUNDLE, 'its roots are not PEM certificates');
  return ders.map((der) => readCertificate(BUNDLE, Buffer.from(der)));
}
