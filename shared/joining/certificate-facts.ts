/** What the audit tells of the certificates of a join, so that each can be found where it was used. */
import { createHash } from 'node:crypto';
import { sshBlob, sshPublicKeyOf } from '../encoding/ssh-public-key.ts';
import { formatTimestamp } from '../protocol/values.ts';
import type { IssuedCertificate } from '../storage/instances.ts';
import type { JoinEvent } from '../telemetry/telemetry.ts';
import type { CertificateKeys } from './certificate-keys.ts';
import { keyHash } from './instance-record.ts';
import type { Grant } from './owners/owner.ts';

type CertificateFacts = Pick<
  JoinEvent,
  'serials' | 'expires' | 'key_sha256' | 'ssh_keys' | 'roles' | 'logins'
>;

export function certificateFacts(
  certificates: readonly IssuedCertificate[],
  keys: readonly CertificateKeys[],
  grants: readonly Grant[],
): CertificateFacts {
  const users = grants.filter((grant) => grant.type === 'user');
  const withSsh = keys.filter((_, i) => hasSsh(grants[i]));
  return {
    serials: certificates.map(({ serial }) => serial),
    expires: certificates.map(({ expires }) => formatTimestamp(new Date(expires * 1000))),
    key_sha256: keys.map(({ tlsKey }) => keyHash(tlsKey.der)),
    ...(withSsh.length > 0 && { ssh_keys: withSsh.map(fingerprintOf) }),
    ...(users.length > 0 && {
      roles: [...new Set(users.flatMap(({ roles }) => roles))],
      logins: [...new Set(users.flatMap(({ logins }) => logins))],
    }),
  };
}

const hasSsh = (grant: Grant | undefined): boolean =>
  grant?.type === 'host' || (grant?.logins.length ?? 0) > 0;

/** As OpenSSH prints it: without the one `=` that base64 of a SHA-256 ends with. */
function fingerprintOf({ sshKey }: CertificateKeys): string {
  const digest = createHash('sha256')
    .update(sshBlob(sshPublicKeyOf(sshKey)))
    .digest('base64');
  return `SHA256:${digest.replace('=', '')}`;
}
