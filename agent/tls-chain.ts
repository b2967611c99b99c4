/** Certificate chains of the broker's own making: leaf, issuing, and the certificates of roots. */
import type { X509Certificate } from 'node:crypto';
import { parseCertificate } from '../shared/encoding/certificate.ts';
import { DerError } from '../shared/encoding/der-decode.ts';
import { Failure } from './failure.ts';

const SKEW_MS = 5 * 60_000;

/**
 * Each certificate is signed by the next one, one of them by a root, and all are in their validity. Up to that root no authority
 * has more authorities below it than it may have. What follows is for those who know an older root only. Throws a `Failure`.
 */
export function checkChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: Date,
): void {
  let leads = false;
  for (const [position, certificate] of chain.entries()) {
    checkValidity(certificate, now);
    const below = chain.slice(0, position + 1);
    leads ||= roots.some((root) => issued(root, certificate) && hasRoomFor(root, below));
    const next = chain[position + 1];
    const goesOn = next && issued(next, certificate) && (leads || hasRoomFor(next, below));
    if (next ? !goesOn : !leads) {
      const message = 'the certificates from the broker do not lead to a root of its trust bundle';
      throw new Failure('untrusted', message);
    }
  }
}

export const issued = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/**
 * The path length of RFC 5280 section 4.2.1.9, but stricter: the last authority counts, too, and so do those that have certified
 * themselves. An issuing key that leaked makes no other authority.
 */
function hasRoomFor(issuer: X509Certificate, below: readonly X509Certificate[]): boolean {
  return below.filter(({ ca }) => ca).length <= pathLengthOf(issuer);
}

/** Infinite where it has no limit; less than nothing for what we don't read. */
function pathLengthOf({ raw }: X509Certificate): number {
  try {
    return parseCertificate(raw).extensions.basicConstraints?.pathLength ?? Infinity;
  } catch (error) {
    if (error instanceof DerError) return -1;
    throw error;
  }
}

function checkValidity({ validFrom, validTo }: X509Certificate, now: Date): void {
  const time = now.getTime();
  if (Date.parse(validFrom) - SKEW_MS <= time && time <= Date.parse(validTo) + SKEW_MS) return;
  const message = `a certificate from the broker is valid from ${validFrom} to ${validTo}, but this machine's clock says ${now.toISOString()}: set the clock`;
  throw new Failure('untrusted', message);
}
