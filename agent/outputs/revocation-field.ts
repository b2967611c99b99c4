/** What the config file says of revocation lists, where they are written only for who asks for them. */
import * as z from 'zod/mini';
import { CRL_FILE } from '../revocation/list-files.ts';
import type { Content } from './output.ts';

export const revocationField = {
  /** Also `tls.crl`; of an identity also `revoked.krl`. */
  revocation: z.optional(z.boolean()),
};

export const crlFor = ({
  revocation = false,
}: {
  readonly revocation?: boolean | undefined;
}): Pick<Content, 'lists'> => (revocation ? { lists: [CRL_FILE] } : {});
