/** Certificate chains of the broker's own making: at most leaf, issuing, root. */
import type { X509Certificate } from 'node:crypto';
import { Failure } from './failure.ts';

const SKEW_MS = 5 * 60_000;

/** Each certificate is signed by the next one and the last by a root; all are in their validity. Throws a `Failure`. */
export function checkChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: Date,
): void {
  for (const [position, certificate] of chain.entries()) {
    checkValidity(certificate, now);
    const next = chain[position + 1];
    const issuers = next ? [next] : roots;
    if (!issuers.some((issuer) => issued(issuer, certificate))) {
      const message = 'the certificates from the broker do not lead to a root of its trust bundle';
      throw new Failure('untrusted', message);
    }
  }
}

const issued = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

function checkValidity({ validFrom, validTo }: X509Certificate, now: Date): void {
  const time = now.getTime();
  if (Date.parse(validFrom) - SKEW_MS <= time && time <= Date.parse(validTo) + SKEW_MS) return;
  const message = `a certificate from the broker is valid from ${validFrom} to ${validTo}, but this machine's clock says ${now.toISOString()}: set the clock`;
  throw new Failure('untrusted', message);
}
