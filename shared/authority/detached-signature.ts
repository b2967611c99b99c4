/** How the authorities sign what they say of themselves: a detached JWS with the chain up to the root. */
import { sign } from 'node:crypto';
import { encodeBase64, encodeBase64Url } from '../encoding/base64.ts';
import type { IssuingAuthority } from './authorities.ts';

/**
 * RFC 7515 appendix F, with ES256: the signature's two numbers, 32 bytes each. `x5c`: the issuing certificate, and what leads from it
 * to the root that has been known longest.
 */
export function signDetached(
  payload: Uint8Array,
  { chain, privateKey: key }: IssuingAuthority,
): string {
  const x5c = chain.map(encodeBase64);
  const header = encodeBase64Url(Buffer.from(JSON.stringify({ alg: 'ES256', x5c })));
  const signed = Buffer.from(`${header}.${encodeBase64Url(payload)}`);
  const signature = sign('sha256', signed, { key, dsaEncoding: 'ieee-p1363' });
  return `${header}..${encodeBase64Url(signature)}`;
}
