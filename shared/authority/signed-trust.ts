/** The trust bundle as it is sent: made once in five minutes. */
import { createHash } from 'node:crypto';
import type { TrustBundle } from '../protocol/trust.ts';
import { remembered } from '../remembered.ts';
import type { Authorities } from './authorities.ts';
import { makeTrustBundle } from './trust-bundle.ts';

export interface SignedTrust {
  readonly bundle: TrustBundle;
  readonly json: string;
  readonly etag: string;
}

const SECONDS = 300;

export const signedTrust = (
  cluster: string,
  now: () => Date,
): ((authorities: Authorities) => Promise<SignedTrust>) =>
  remembered(SECONDS, now, async (authorities: Authorities): Promise<SignedTrust> => {
    const bundle = await makeTrustBundle(cluster, authorities, now());
    const json = JSON.stringify(bundle);
    return { bundle, json, etag: `"${createHash('sha256').update(json).digest('base64url')}"` };
  });
