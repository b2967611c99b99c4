/** Certificate chains of the broker's own making: leaf, issuing, and the certificates of roots. */
import type { X509Certificate } from 'node:crypto';
import { Failure } from './failure.ts';

const SKEW_MS = 5 * 60_000;

/**
 * Each certificate is signed by the next one, one of them by a root, and all are in their validity. What follows that one is for
 * those who know an older root only. Throws a `Failure`.
 */
export function checkChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: Date,
): void {
  let leads = false;
  for (const [position, certificate] of chain.entries()) {
    checkValidity(certificate, now);
    leads ||= roots.some((root) => issued(root, certificate));
    const next = chain[position + 1];
    if (next ? !issued(next, certificate) : !leads) {
      const message = 'the certificates from the broker do not lead to a root of its trust bundle';
      throw new Failure('untrusted', message);
    }
  }
}

export const issued = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

function checkValidity({ validFrom, validTo }: X509Certificate, now: Date): void {
  const time = now.getTime();
  if (Date.parse(validFrom) - SKEW_MS <= time && time <= Date.parse(validTo) + SKEW_MS) return;
  const message = `a certificate from the broker is valid from ${validFrom} to ${validTo}, but this machine's clock says ${now.toISOString()}: set the clock`;
  throw new Failure('untrusted', message);
}
