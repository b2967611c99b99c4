/** What operators say of the certificates behind attested documents: roots of their own, and certificates and keys that don't count. */
import { type Certificate, parseCertificate } from '../encoding/certificate.ts';
import { twinsOf } from '../encoding/ecdsa-twin.ts';
import { decodeSinglePem } from '../encoding/pem.ts';
import { onceForEach } from '../first-use.ts';
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
  /** The name of the resource that denies a certificate, or its key. */
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
      .map(({ metadata, spec }) => [nameOf(spec), metadata.name]),
  );
  return {
    added,
    deniesAny: denied.size > 0,
    deniedBy: (certificate) =>
      namesOf(certificate)
        .map((one) => denied.get(one))
        .find((name) => name !== undefined),
  };
}

/** The certificates of roots that operators added, whether they are over or not. */
export const addedRootsOf = (roots: readonly AzureRoot[]): readonly AddedRoot[] =>
  roots.flatMap(rootOf);

/** A snapshot's resources are the same objects every time: each is parsed once. */
const rootOf = onceForEach(({ metadata, spec }: AzureRoot): AddedRoot[] => {
  const der = decodeSinglePem('CERTIFICATE', spec.certificate);
  return der ? [{ name: metadata.name, certificate: parseCertificate(der) }] : [];
});

/** What a denied signer names, told apart from what the other field could name. */
const nameOf = ({ sha256, public_key_sha256 }: AzureDeniedSigner['spec']): string =>
  sha256 === undefined ? `key ${public_key_sha256}` : `certificate ${sha256}`;

/**
 * All that names it. An ECDSA signature has a twin that is as good: whoever has a denied certificate could make another one
 * of it, with the same key and a new hash, without anybody's private key. A search for a path asks often: each certificate
 * is hashed once.
 */
const namesOf = onceForEach((certificate: Certificate): readonly string[] => [
  ...[certificate.der, ...twinsOf(certificate)].map((der) =>
    nameOf({ sha256: fingerprintOfDer(der) }),
  ),
  nameOf({ public_key_sha256: fingerprintOfDer(certificate.publicKeyInfo) }),
]);
