/** Whether a certificate may become one more root: rule 4, now, and nothing that could be taken for another root. */
import { type Certificate, parseCertificate, sameBytes } from '../../encoding/certificate.ts';
import { decodeSinglePem } from '../../encoding/pem.ts';
import { anchorProblem } from './trust-anchors.ts';

/** A root that is trusted already. */
export interface TrustedRoot {
  /** What messages call it. */
  readonly shown: string;
  readonly certificate: Certificate;
}

export type NewRoot =
  | {
      readonly ok: true;
      /** The root that is the very same. */
      readonly same: TrustedRoot | undefined;
    }
  | { readonly ok: false; readonly problem: string };

/**
 * Checks a root that an operator wants to add. One with the name and the key id of another, but another key, is refused: a
 * path is found by these two, so either would take documents of the other, which then fail.
 */
export function checkNewRoot(pem: string, trusted: readonly TrustedRoot[], at: Date): NewRoot {
  const der = decodeSinglePem('CERTIFICATE', pem);
  if (!der) return { ok: false, problem: 'expected one certificate in PEM' };
  const wrong = anchorProblem(der, at);
  if (wrong !== undefined)
    return { ok: false, problem: `expected a root that could sign: ${wrong}` };
  const wanted = parseCertificate(der);
  const twin = trusted.find(({ certificate }) => isTakenFor(certificate, wanted));
  return twin
    ? { ok: false, problem: `expected another root than one with name and key id of ${twin.shown}` }
    : { ok: true, same: trusted.find(({ certificate }) => sameBytes(certificate.der, der)) };
}

function isTakenFor(one: Certificate, other: Certificate): boolean {
  const { subjectKeyIdentifier: first } = one.extensions;
  const { subjectKeyIdentifier: second } = other.extensions;
  return (
    sameBytes(one.subject, other.subject) &&
    (!first || !second || sameBytes(first, second)) &&
    !sameBytes(one.publicKeyInfo, other.publicKeyInfo)
  );
}

/** DER of roots as `TrustedRoot`. */
export const trustedRoots = (ders: readonly Uint8Array[], shown: string): readonly TrustedRoot[] =>
  ders.map((der) => ({ shown, certificate: parseCertificate(der) }));
