/** `ssh_host`: an SSH certificate for a host's attested names, and the user authority that its `sshd` is to trust. */
import * as z from 'zod/mini';
import { KRL_FILE } from '../revocation/list-files.ts';
import { authorityLines, publicKeyLine } from '../ssh-lines.ts';
import { absolutePath, COMMON_FIELDS } from './common-fields.ts';
import { pkcs8Pem } from './key-text.ts';
import { outputType } from './output.ts';

const KEY = 'ssh_host';
const PUBLIC_KEY = 'ssh_host.pub';
const CERTIFICATE = 'ssh_host-cert.pub';
const AUTHORITIES = 'ssh_host-user-ca.pub';

export const sshHost = outputType({
  schema: z.strictObject({
    type: z.literal('ssh_host'),
    ...COMMON_FIELDS,
    /** The public half of `sshd`'s own key, or `none` for one that is made anew each time. */
    host_key: z.optional(z.union([z.literal('none'), absolutePath])),
    principals: z.optional(z.array(z.string().check(z.maxLength(253))).check(z.maxLength(64))),
  }),
  joinOf: 'host',
  content: ({ principals }) => ({
    names: [KEY, PUBLIC_KEY, CERTIFICATE, AUTHORITIES],
    lists: [KRL_FILE],
    // sshd takes no key of its own that others can read.
    ownerOnly: [KEY],
    forSsh: true,
    files: ({ certificate, trust, owner }) => {
      if (certificate.ssh === undefined)
        throw new TypeError("a host's certificate has an SSH form");
      return new Map([
        // OpenSSH reads PKCS#8 as well as its own form.
        ...(certificate.sshKey ? [] : [[KEY, pkcs8Pem(certificate)] as const]),
        [PUBLIC_KEY, publicKeyLine(owner, certificate)],
        [CERTIFICATE, `${certificate.ssh}\n`],
        [AUTHORITIES, authorityLines(trust.ssh.user_ca)],
      ]);
    },
    notes: principals
      ? [
          'principals make no difference here: the certificate has the names that the join token makes from what is attested',
        ]
      : [],
  }),
});
