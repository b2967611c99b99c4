/** The trust bundle as it is sent: made once in five minutes. */
import { createHash } from 'node:crypto';
import { encodeBase64 } from '../encoding/base64.ts';
import type { TrustBundle } from '../protocol/trust.ts';
import { remembered } from '../remembered.ts';
import type { Authorities } from './authorities.ts';
import { makeTrustBundle } from './trust-bundle.ts';

export interface SignedTrust {
  readonly bundle: TrustBundle;
  readonly json: string;
  /** A weak entity tag (RFC 9110 section 8.8.1): bundles that have it differ in their times and signature only. */
  readonly etag: string;
}

const SECONDS = 300;
const DAY_MS = 24 * 3600 * 1000;

export const signedTrust = (
  cluster: string,
  now: () => Date,
): ((authorities: Authorities) => Promise<SignedTrust>) =>
  remembered(SECONDS, now, async (authorities: Authorities): Promise<SignedTrust> => {
    const at = now();
    const bundle = makeTrustBundle(cluster, authorities, at);
    return { bundle, json: JSON.stringify(bundle), etag: etagOf(bundle, authorities, at) };
  });

/**
 * The same on every function instance while nothing changed that matters: who is trusted, and by whose word. It changes
 * once a day all the same: a bundle expires, so whoever is told that his is still good must not keep it for longer.
 */
function etagOf(bundle: TrustBundle, { issuing }: Authorities, at: Date): string {
  const { expires: _, refresh_after: __, signature: ___, ...matters } = bundle;
  const signer = encodeBase64(issuing.certificate);
  const day = Math.floor(at.getTime() / DAY_MS);
  const text = JSON.stringify([matters, signer, day]);
  return `W/"${createHash('sha256').update(text).digest('base64url')}"`;
}
