/** `GET /v1/trust/revoked`: every revocation list of the broker, signed as a whole, for agents. */
import * as z from 'zod/mini';
import { timestamp } from './values.ts';

export const revocationLists = z.object({
  cluster: z.string(),
  /** Grows with every list: the CRL number, and the version of the KRL. */
  version: z.int().check(z.positive()),
  this_update: timestamp,
  /** From then on nobody has to believe these lists. */
  next_update: timestamp,
  tls: z.object({
    /** PEM: a list of every authority that lives, the root's included. Empty while one of them can't be made. */
    crls: z.string(),
  }),
  ssh: z.object({
    /** Base64 of OpenSSH's form. */
    krl: z.string(),
  }),
  /** Detached JWS over `signedPayload`, as that of the trust bundle. */
  signature: z.string(),
});
export type RevocationLists = z.infer<typeof revocationLists>;
