/** `GET /v1/trust/spiffe`: a JWK set of the certificates that SVIDs of this trust domain lead to. */
import * as z from 'zod/mini';

export const spiffeBundle = z.strictObject({
  /** One for each root. It has no `kid`: a certificate stands for itself. */
  keys: z.array(
    z.strictObject({
      use: z.literal('x509-svid'),
      kty: z.literal('EC'),
      crv: z.string(),
      x: z.string(),
      y: z.string(),
      /** One certificate, DER in base64. */
      x5c: z.array(z.string()).check(z.length(1)),
    }),
  ),
  /** Grows with every change. */
  spiffe_sequence: z.int().check(z.positive()),
  /** Seconds after which to ask again. */
  spiffe_refresh_hint: z.int().check(z.positive()),
});
export type SpiffeBundle = z.infer<typeof spiffeBundle>;
