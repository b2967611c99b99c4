/**
 * Path building (RFC 5280 section 6, RFC 4158): from a signer's certificate through supplied intermediates to a pinned
 * root, under rule 4. Roots are trusted by being pinned, so their own signatures are not looked at.
 */
import { verify } from 'node:crypto';
import { type Certificate, KEY_USAGE, publicKeyOf, sameBytes } from '../../encoding/certificate.ts';
import { OID } from '../../encoding/oids.ts';
import {
  isStrong,
  type PublicKeyInfo,
  parsePublicKeyInfo,
} from '../../encoding/public-key-info.ts';
import { CERTIFICATE_SIGNATURES } from '../../encoding/signature-algorithms.ts';
import { onceForEach } from '../../first-use.ts';

export interface PathOptions {
  readonly intermediates: readonly Certificate[];
  readonly roots: readonly Certificate[];
  /** Roots that count only where no path leads to one of `roots`, by names and key ids. */
  readonly added?: readonly Certificate[];
  /** What a path avoids, where another one leads to a root. Whoever asks looks for it in the path. */
  readonly isAvoided?: ((certificate: Certificate) => boolean) | undefined;
  readonly at: Date;
  /** Whether a signature is known to be good, from an earlier path. */
  readonly isKnownSignature?: (child: Certificate, issuer: Certificate) => boolean;
}

export type CertificatePath =
  /** From the signer's certificate to the root. */
  | { readonly ok: true; readonly path: readonly Certificate[] }
  | {
      readonly ok: false;
      readonly problem: string;
      /** No root that is known vouches for it, true or not: another one might. */
      readonly leadsNowhere: boolean;
    };

const MOST_INTERMEDIATES = 6;
const MOST_CERTIFICATES_IN_PATH = 5;
/**
 * How often an issuer is looked at, in all searches for one document. Azure's documents take about five; six intermediates
 * that name each other would take 2,000.
 */
const MOST_LOOKED_AT = 64;

/**
 * Finds the path whose every certificate passes rule 4, by names and key ids alone, and then checks its signatures from
 * the root down: whoever forges a certificate makes us check one signature, however many come along. The problem names
 * the check that came furthest.
 */
export function buildCertificatePath(signer: Certificate, options: PathOptions): CertificatePath {
  const { intermediates, roots, added = [], isAvoided, at } = options;
  const { isKnownSignature = () => false } = options;
  const failed = (problem: string, leadsNowhere = false) =>
    ({ ok: false, problem, leadsNowhere }) as const;
  if (intermediates.length > MOST_INTERMEDIATES) return failed('too many intermediates');
  const leafProblem = signerProblem(signer, at);
  if (leafProblem) return failed(leafProblem);

  let problem = 'no certificate of its issuer is known';
  let lookedAt = 0;

  function pathTo(trusted: readonly Certificate[], avoids: Avoids): Path | undefined {
    // A search may come by a certificate many times: who is named as its issuer is looked for once.
    const issuersOf = onceForEach((child: Certificate) =>
      [...trusted, ...intermediates].filter((issuer) => isNamedAsIssuer(issuer, child)),
    );
    return extend(signer, [signer]);

    function extend(child: Certificate, path: Path): Path | undefined {
      for (const issuer of issuersOf(child)) {
        if (path.includes(issuer)) continue;
        if (lookedAt === MOST_LOOKED_AT) {
          problem = TOO_MANY_WAYS;
          return undefined;
        }
        lookedAt += 1;
        if (avoids(issuer)) continue;
        const wrong =
          authorityProblem(issuer, path.length - 1, at) ?? algorithmProblem(child, issuer);
        if (wrong) {
          problem = wrong;
          continue;
        }
        if (trusted.includes(issuer)) return [...path, issuer];
        if (path.length + 1 === MOST_CERTIFICATES_IN_PATH) {
          problem = 'the chain is too long';
          continue;
        }
        const found = extend(issuer, [...path, issuer]);
        if (found) return found;
      }
      return undefined;
    }
  }

  const search = (avoids: Avoids): Path | undefined =>
    pathTo(roots, avoids) ?? (added.length > 0 ? pathTo([...roots, ...added], avoids) : undefined);

  // Where no path leads to a root, none does that avoids anything: a stranger's certificates are asked about no further.
  const found = search(() => false);
  if (!found) return failed(problem, true);
  const path = (isAvoided && found.slice(1).some(isAvoided) && search(isAvoided)) || found;
  const forged = signatureProblem(path, isKnownSignature);
  return forged ? failed(forged) : { ok: true, path };
}

type Path = readonly Certificate[];
type Avoids = NonNullable<PathOptions['isAvoided']>;

/** By the name, and by the key's id where both say one (RFC 5280 section 4.2.1.1). */
function isNamedAsIssuer(issuer: Certificate, child: Certificate): boolean {
  const { subjectKeyIdentifier: own } = issuer.extensions;
  const { authorityKeyIdentifier: named } = child.extensions;
  return sameBytes(issuer.subject, child.issuer) && (!own || !named || sameBytes(own, named));
}

function signerProblem({ extensions, ...signer }: Certificate, at: Date): string | undefined {
  if (at < signer.notBefore || at > signer.notAfter)
    return "the signer's certificate is not valid at this time";
  if (extensions.basicConstraints?.ca) return "the signer's certificate is that of an authority";
  if (!extensions.extendedKeyUsage?.includes(OID.serverAuth))
    return 'the signer may not act as a server';
  if (extensions.keyUsage && !extensions.keyUsage[KEY_USAGE.digitalSignature])
    return 'the signer may not sign';
  return constraintProblem(extensions);
}

/** What keeps an authority out of every path. `below` counts the authorities between this one and the signer. */
export function authorityProblem(
  { extensions, notBefore, notAfter }: Certificate,
  below: number,
  at: Date,
): string | undefined {
  const { basicConstraints, keyUsage, extendedKeyUsage } = extensions;
  if (at < notBefore || at > notAfter) return 'an authority is not valid at this time';
  if (!basicConstraints?.ca) return 'an issuer is no authority';
  if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < below) {
    return "an authority's path length is exceeded";
  }
  if (!keyUsage?.[KEY_USAGE.keyCertSign]) return 'an authority may not sign certificates';
  if (extendedKeyUsage && !extendedKeyUsage.includes(OID.serverAuth)) {
    return 'an authority may not sign for servers';
  }
  return constraintProblem(extensions);
}

function constraintProblem(extensions: Certificate['extensions']): string | undefined {
  if (extensions.nameConstraints) return 'a certificate has name constraints';
  return extensions.unknownCritical.length > 0
    ? 'a certificate has an unknown critical extension'
    : undefined;
}

/** Whether the issuer's key may sign what it is said to have signed. */
function algorithmProblem(child: Certificate, issuer: Certificate): string | undefined {
  const scheme = CERTIFICATE_SIGNATURES[child.signatureAlgorithm];
  if (!scheme) return 'a signature algorithm is not accepted';
  const info = keyInfoOf(issuer);
  if (!info) return "an authority's key can not be read";
  if (!isStrong(info)) return "an authority's key is too weak, or of a kind that is not accepted";
  return info.kind === scheme.key ? undefined : FORGED;
}

/** A search may look at an issuer many times: its key is read once. `undefined` where it can't be read. */
const keyInfoOf = onceForEach(({ publicKeyInfo }: Certificate): PublicKeyInfo | undefined => {
  try {
    return parsePublicKeyInfo(publicKeyInfo);
  } catch {
    return undefined;
  }
});

const TOO_MANY_WAYS = 'too many ways lead on from certificate to certificate';
const FORGED = 'a certificate is not signed by its issuer';

/** From the root down, so that every key that is used was vouched for. */
function signatureProblem(
  path: readonly Certificate[],
  isKnown: NonNullable<PathOptions['isKnownSignature']>,
): string | undefined {
  for (const [i, child] of [...path.slice(0, -1).entries()].toReversed()) {
    const issuer = path[i + 1];
    if (!issuer || (!isKnown(child, issuer) && !isSignedBy(child, issuer))) return FORGED;
  }
  return undefined;
}

function isSignedBy(child: Certificate, issuer: Certificate): boolean {
  const scheme = CERTIFICATE_SIGNATURES[child.signatureAlgorithm];
  try {
    const { key } = publicKeyOf(issuer);
    return !!scheme && verify(scheme.hash, child.toBeSigned, key, child.signature);
  } catch {
    // The issuer's point is not on its curve.
    return false;
  }
}
