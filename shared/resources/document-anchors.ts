/** What operators say of the certificates behind attested documents: roots of their own, and certificates that don't count. */
import { type Certificate, parseCertificate } from '../encoding/certificate.ts';
import { twinsOf } from '../encoding/ecdsa-twin.ts';
import { decodeSinglePem } from '../encoding/pem.ts';
import type { AzureDeniedSigner } from './azure-denied-signer.ts';
import type { AzureRoot } from './azure-root.ts';
import { isExpired } from './expiry.ts';
import { fingerprintOfDer } from './fingerprint.ts';

export interface AddedRoot {
  /** The resource's name. */
  readonly name: string;
  readonly certificate: Certificate;
}

export interface DocumentAnchors {
  readonly added: readonly AddedRoot[];
  /** The name of the resource that denies a certificate. */
  readonly deniedBy: (certificate: Certificate) => string | undefined;
  readonly deniesAny: boolean;
}

/** What holds at a time. Resources that are over (`metadata.expires`) count for nothing. */
export function documentAnchors(
  roots: readonly AzureRoot[],
  deniedSigners: readonly AzureDeniedSigner[],
  at: Date,
): DocumentAnchors {
  const added = addedRootsOf(roots.filter((root) => !isExpired(root, at)));
  const denied = new Map(
    deniedSigners
      .filter((one) => !isExpired(one, at))
      .map(({ metadata, spec }) => [spec.sha256, metadata.name]),
  );
  return {
    added,
    deniesAny: denied.size > 0,
    deniedBy: (certificate) =>
      fingerprintsOf(certificate)
        .map((sha256) => denied.get(sha256))
        .find((name) => name !== undefined),
  };
}

/** The certificates of roots that operators added, whether they are over or not. */
export const addedRootsOf = (roots: readonly AzureRoot[]): readonly AddedRoot[] =>
  roots.flatMap(rootOf);

const known = new WeakMap<AzureRoot, AddedRoot>();

/** A snapshot's resources are the same objects every time: each is parsed once. */
function rootOf(root: AzureRoot): AddedRoot[] {
  const before = known.get(root);
  if (before) return [before];
  const der = decodeSinglePem('CERTIFICATE', root.spec.certificate);
  if (!der) return [];
  const read = { name: root.metadata.name, certificate: parseCertificate(der) };
  known.set(root, read);
  return [read];
}

const fingerprints = new WeakMap<Certificate, readonly string[]>();

/**
 * Every SHA-256 that names it. An ECDSA signature has a twin that is as good: whoever has a denied certificate could make
 * another one of it, with the same key and a new hash, without anybody's private key. A search for a path asks often: each
 * certificate is hashed once.
 */
function fingerprintsOf(certificate: Certificate): readonly string[] {
  const before = fingerprints.get(certificate);
  if (before) return before;
  const all = [certificate.der, ...twinsOf(certificate)].map(fingerprintOfDer);
  fingerprints.set(certificate, all);
  return all;
}
