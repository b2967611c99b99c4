/** `kind: azure_root`, version 1: one more root that may sign attested documents, beside those that come with the broker. */
import * as z from 'zod/mini';
import { parseCertificate } from '../encoding/certificate.ts';
import { decodeSinglePem } from '../encoding/pem.ts';
import { metadata, VERSIONS } from '../protocol/resource.ts';
import { sha256Hex } from '../protocol/values.ts';
import { fingerprintOf } from './fingerprint.ts';

/** RSA 4096 with long names comes to about 2,500. */
const MOST_PEM = 8192;

export const azureRoot = z.strictObject({
  kind: z.literal('azure_root'),
  version: z.literal(VERSIONS.azure_root),
  metadata,
  spec: z
    .strictObject({
      /** The certificate in PEM: one, of an authority. */
      certificate: z.string().check(
        z.maxLength(MOST_PEM),
        z.refine(
          (pem) => readable(pem),
          'expected one certificate in PEM, X.509 version 3 in DER without anything else',
        ),
      ),
      /** The certificate's SHA-256, so that a slip of the clipboard is noticed. */
      sha256: z.optional(sha256Hex),
    })
    .check(
      z.refine(
        ({ certificate, sha256 }) => sha256 === undefined || fingerprintOf(certificate) === sha256,
        {
          path: ['sha256'],
          error: 'expected the SHA-256 of the certificate that stands beside it',
        },
      ),
    ),
});
export type AzureRoot = z.infer<typeof azureRoot>;

function readable(pem: string): boolean {
  const der = decodeSinglePem('CERTIFICATE', pem);
  try {
    return der !== undefined && parseCertificate(der).der.length > 0;
  } catch {
    return false;
  }
}
