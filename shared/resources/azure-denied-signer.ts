/** `kind: azure_denied_signer`, version 1: a certificate or key under which no attested document counts, whoever vouches for it. */
import * as z from 'zod/mini';
import { metadata, VERSIONS } from '../protocol/resource.ts';
import { sha256Hex } from '../protocol/values.ts';

export const azureDeniedSigner = z.strictObject({
  kind: z.literal('azure_denied_signer'),
  version: z.literal(VERSIONS.azure_denied_signer),
  metadata,
  spec: z
    .strictObject({
      /** The SHA-256 of a signer's certificate, of one of its issuers, or of a root. */
      sha256: z.optional(sha256Hex),
      /** The SHA-256 of its SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): all certificates of the key. */
      public_key_sha256: z.optional(sha256Hex),
      message: z.optional(
        z
          .string()
          .check(
            z.maxLength(500),
            z.regex(/^[^\p{Cc}]*$/u, 'expected text without control characters'),
          ),
      ),
    })
    .check(
      z.refine(
        ({ sha256, public_key_sha256 }) =>
          (sha256 === undefined) !== (public_key_sha256 === undefined),
        'expected exactly one of sha256, public_key_sha256',
      ),
    ),
});
export type AzureDeniedSigner = z.infer<typeof azureDeniedSigner>;
