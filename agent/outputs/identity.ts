/** `identity`: a bot's certificates of both kinds, as `ssh` and `curl` use them. */
import * as z from 'zod/mini';
import { IDENTITY_FILES, identityFiles, OPENSSH_FILES } from '../identity-files.ts';
import { CRL_FILE, KRL_FILE } from '../revocation/list-files.ts';
import { COMMON_FIELDS } from './common-fields.ts';
import { outputType } from './output.ts';
import { revocationField } from './revocation-field.ts';

/** A name, or a pattern as OpenSSH has it: nothing that would end the line or begin another setting. */
const hostPattern = z
  .string()
  .check(
    z.regex(
      /^!?[A-Za-z0-9*?](?:[A-Za-z0-9.:_*?-]{0,252})$/,
      'expected the name of a host, or a pattern such as *.example.org',
    ),
  );

export const identity = outputType({
  schema: z.strictObject({
    type: z.literal('identity'),
    ...COMMON_FIELDS,
    /** Beside those of the cluster: for whom `ssh_config` is. */
    hosts: z.optional(z.array(hostPattern).check(z.maxLength(64))),
    formats: z.optional(z.array(z.enum(['openssh'])).check(z.maxLength(1))),
    ssh_config: z.optional(z.enum(['on', 'off'])),
    ...revocationField,
  }),
  joinOf: 'bot',
  content: ({ hosts = [], formats = [], ssh_config: sshConfig = 'on', revocation = false }) => ({
    names: [...IDENTITY_FILES, ...OPENSSH_FILES],
    lists: revocation ? [CRL_FILE, KRL_FILE] : [],
    forSsh: true,
    files: ({ owner, certificate, trust, directory }) =>
      identityFiles(owner, certificate, trust, {
        directory: sshConfig === 'on' ? directory : undefined,
        hosts,
        withOpensshKey: formats.includes('openssh'),
        withRevokedHosts: revocation,
      }),
  }),
});
