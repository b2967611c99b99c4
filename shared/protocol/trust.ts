/** `GET /v1/trust`: the public half of the broker's authorities, what relying parties install. */
import * as z from 'zod/mini';
import { timestamp } from './values.ts';

export const caPin = z
  .string()
  .check(z.regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 hex digits'));

export const trustBundle = z.object({
  cluster: z.string(),
  /** Grows with every change. */
  version: z.int().check(z.positive()),
  expires: timestamp,
  refresh_after: timestamp,
  ca_pins: z.array(caPin),
  tls: z.object({ roots: z.string() }),
  ssh: z.object({ user_ca: z.array(z.string()), host_ca: z.array(z.string()) }),
  /** Detached JWS (RFC 7515 appendix F) over `trustPayload`, with the chain up to the root in `x5c`. */
  signature: z.string(),
});
export type TrustBundle = z.infer<typeof trustBundle>;

/**
 * The bytes that the signature is made over: the bundle without `signature`, in the canonical form of RFC 8785. With
 * the members that a bundle has (text and one integer) that is JSON without white space, names sorted; in a shell,
 * `jq -cSj 'del(.signature)'`.
 */
export const trustPayload = (bundle: Omit<TrustBundle, 'signature'>): Uint8Array =>
  signedPayload(bundle);

/** The same for anything of text and integers. */
export function signedPayload(body: object): Uint8Array {
  const { signature: _, ...signed } = body as { readonly signature?: string };
  return Buffer.from(JSON.stringify(sorted(signed)), 'utf8');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
