/** What signs an attested document: a leaf per region, its key, and the certificates up to a root. */
import {
  type Authority,
  createIssuing,
  createRoot,
  crossSign,
  type IssuingBends,
} from './authority.ts';
import { certificateKey, newAuthorityKey } from './certificate-key.ts';
import { createLeaf, LEAF_DAYS, type Leaf, type LeafBends } from './leaf.ts';
import { oversizedRsaKey } from './oversized-rsa-key.ts';
import type { KeyPair, RsaKeySource } from './rsa-keys.ts';

export interface SigningChain {
  readonly leafKey: KeyPair;
  /** The leaf of a region, replaced in good time before it expires. */
  leaf(region: string): Leaf;
  /** DER, the leaf's issuer first; no root among them. */
  readonly intermediates: readonly Uint8Array[];
}

/** What is wrong with a chain. With a root of its own or signed by itself, it is a stranger's, with a stranger's key. */
export interface ChainBends {
  /**
   * Ends in a root that nobody pins: with a name of its own, or with the very name of a pinned one. Or in none: authorities of one
   * name and key vouch for each other, as many as a document may bring.
   */
  readonly root?: 'unknown' | 'look_alike' | 'circle';
  /** The leaf signs itself. */
  readonly selfSigned?: boolean;
  readonly issuing?: IssuingBends;
  readonly leaf?: LeafBends;
}

/**
 * How the right chain looks. `ec`: leaf, issuing, root, with fast authority keys. `rsa`: the same with RSA-4096
 * authorities, as Azure has them. `cross_signed`: an old root is pinned, and vouches for the root of the issuing
 * authority.
 */
export type ChainKind = 'ec' | 'rsa' | 'cross_signed';

export interface MicrosoftPki {
  /** DER of the roots to pin. */
  readonly roots: readonly Uint8Array[];
  /** What is downloaded under a file's name such as `Simulated TLS RSA Root G2.crt`. */
  file(name: string): Uint8Array | undefined;
  /** The chain that machines use, or a new one with these bends. */
  chain(bends?: ChainBends): SigningChain;
}

export interface MicrosoftPkiOptions {
  readonly now: () => Date;
  readonly keys: RsaKeySource;
  readonly kind: ChainKind;
}

const ROOT = 'Simulated TLS Root G2';
const OLD_ROOT = 'Simulated Global Root';
const ISSUING = 'Simulated TLS G2 CA OCSP 02';

export function createMicrosoftPki({ now, keys, kind }: MicrosoftPkiOptions): MicrosoftPki {
  const authorityKey = (purpose: string) =>
    kind === 'rsa'
      ? certificateKey(keys.keyPair(purpose, { bits: 4096, exponent: 65537 }))
      : newAuthorityKey();

  const root = createRoot(ROOT, authorityKey('root authority'), now());
  const issuing = createIssuing(ISSUING, authorityKey('issuing authority'), root, now());
  const files = new Map([
    [`${ROOT}.crt`, root.certificate],
    [`${ISSUING}.crt`, issuing.certificate],
  ]);
  const roots = [root.certificate];
  const intermediates = [issuing.certificate];
  if (kind === 'cross_signed') {
    const oldRoot = createRoot(OLD_ROOT, newAuthorityKey(), now());
    const crossSigned = crossSign(root, oldRoot, now());
    roots.splice(0, 1, oldRoot.certificate);
    intermediates.push(crossSigned.certificate);
    files.set(`${ROOT}.crt`, crossSigned.certificate);
    files.set(`${OLD_ROOT}.crt`, oldRoot.certificate);
  }
  const ownLeafKey = (): KeyPair => keys.keyPair('attested documents');
  const strangersLeafKey = (): KeyPair => keys.keyPair('stranger');
  const usual = leavesOf({ leafKey: ownLeafKey, by: issuing, intermediates, now });

  return {
    roots,
    file: (name) => files.get(name),
    chain(bends) {
      if (!bends) return usual;
      if (bends.selfSigned) {
        const by = 'itself';
        return leavesOf({ leafKey: strangersLeafKey, by, intermediates: [], now, bends });
      }
      if (bends.root === 'circle') {
        const by = createRoot('Stranger Root', newAuthorityKey(), now());
        const intermediates = Array.from({ length: 6 }, () => crossSign(by, by, now()).certificate);
        return leavesOf({ leafKey: strangersLeafKey, by, intermediates, now, bends });
      }
      const top = bends.root
        ? createRoot(bends.root === 'unknown' ? 'Stranger Root' : ROOT, newAuthorityKey(), now())
        : root;
      const above = bends.root ? [] : intermediates.slice(1);
      const authorities = issuersUnder(top, keys, now(), bends);
      return leavesOf({
        leafKey: bends.root ? strangersLeafKey : ownLeafKey,
        by: authorities[0],
        intermediates: [...authorities.map(({ certificate }) => certificate), ...above],
        now,
        bends,
      });
    },
  };
}

/** A new issuing authority with the usual name; with its path length exceeded, the authority below it comes first. */
function issuersUnder(
  root: Authority,
  keys: RsaKeySource,
  at: Date,
  { issuing: bends = {} }: ChainBends,
): [Authority, ...Authority[]] {
  const issuing = createIssuing(ISSUING, issuingKey(keys, bends), root, at, bends);
  if (!bends.pathLengthExceeded) return [issuing];
  return [createIssuing('Simulated TLS G2 CA OCSP 04', newAuthorityKey(), issuing, at), issuing];
}

function issuingKey(keys: RsaKeySource, bends: IssuingBends) {
  if (bends.key === 'rsa_16384') return oversizedRsaKey();
  return bends.key === 'rsa_exponent_3'
    ? certificateKey(keys.keyPair('issuing authority', { bits: 2048, exponent: 3 }))
    : newAuthorityKey();
}

interface LeafMaker {
  readonly leafKey: () => KeyPair;
  readonly by: Authority | 'itself';
  readonly intermediates: readonly Uint8Array[];
  readonly now: () => Date;
  readonly bends?: ChainBends;
}

const REPLACED_AFTER = (LEAF_DAYS.after - 30) * 24 * 3600 * 1000;

function leavesOf({ leafKey, by, intermediates, now, bends }: LeafMaker): SigningChain {
  const made = new Map<string, { readonly leaf: Leaf; readonly at: Date }>();
  return {
    get leafKey() {
      return leafKey();
    },
    intermediates,
    leaf(region) {
      const known = made.get(region);
      const at = now();
      if (known && at.getTime() - known.at.getTime() < REPLACED_AFTER) return known.leaf;
      const leaf = createLeaf(region, certificateKey(leafKey()), by, at, bends?.leaf);
      made.set(region, { leaf, at });
      return leaf;
    },
  };
}
