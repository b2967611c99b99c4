/**
 * Certificates that were part of a verified path before: a region's signer and its issuers come along with every join of
 * its machines. They need not be parsed again, nor their signatures checked again, since the same bytes stay signed.
 * Everything that time or context decides is checked anew each time.
 */
import { createHash } from 'node:crypto';
import { type Certificate, parseCertificate } from '../../encoding/certificate.ts';
import type { OnLookup } from '../../lookups.ts';
import { keepLatest } from '../../remembered.ts';

export interface KnownCertificates {
  /** The certificate of these bytes. Throws `DerError`. */
  parse(der: Uint8Array): Certificate;
  /** Whether one is known to be signed by the other. */
  isSignedBy(child: Certificate, issuer: Certificate): boolean;
  /** Remembers a verified path, the signer first. Only what has proved itself gets here, so nobody can flood it. */
  remember(path: readonly Certificate[]): void;
}

const MOST_REMEMBERED = 500;

export function createKnownCertificates(onLookup: OnLookup = () => {}): KnownCertificates {
  const certificates = new Map<string, Certificate>();
  const issuers = new WeakMap<Certificate, WeakSet<Certificate>>();
  const digest = (der: Uint8Array): string => createHash('sha256').update(der).digest('base64');

  return {
    parse(der) {
      const known = certificates.get(digest(der));
      onLookup(known ? 'hit' : 'miss');
      return known ?? parseCertificate(der);
    },
    isSignedBy: (child, issuer) => issuers.get(child)?.has(issuer) ?? false,
    remember(path) {
      for (const [i, certificate] of path.entries()) {
        const issuer = path[i + 1];
        if (!issuer) return;
        const key = digest(certificate.der);
        if (certificates.get(key) !== certificate)
          keepLatest(certificates, key, certificate, MOST_REMEMBERED);
        const known = issuers.get(certificate) ?? new WeakSet();
        issuers.set(certificate, known.add(issuer));
      }
    },
  };
}
