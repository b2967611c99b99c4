/**
 * `spiffe`, which tbot calls `workload-identity-x509`: an X.509-SVID under the names that SPIFFE's own tools write. Its SPIFFE
 * ID is the one that the broker gives: nothing in a file chooses it.
 */
import * as z from 'zod/mini';
import { COMMON_FIELDS, noSelector } from './common-fields.ts';
import { pkcs8Pem } from './key-text.ts';
import { type Content, type Material, outputType } from './output.ts';
import { crlFor, revocationField } from './revocation-field.ts';

const SVID = 'svid.pem';
const KEY = 'svid_key.pem';
const BUNDLE = 'svid_bundle.pem';

const content = (config: { readonly revocation?: boolean | undefined }): Content => ({
  names: [SVID, KEY, BUNDLE],
  ...crlFor(config),
  files: ({ certificate, trust }: Material) =>
    new Map([
      [SVID, certificate.tls],
      [KEY, pkcs8Pem(certificate)],
      [BUNDLE, trust.tls.roots],
    ]),
});

const schemaOf = <T extends string>(type: T) =>
  z.strictObject({
    type: z.literal(type),
    ...COMMON_FIELDS,
    selector: noSelector,
    ...revocationField,
  });

export const spiffe = outputType({ schema: schemaOf('spiffe'), content });

export const workloadIdentityX509 = outputType({
  schema: schemaOf('workload-identity-x509'),
  content,
});
