/** The lines that make `sshd` show the host's certificate, and admit users with one that is not revoked. */
import { join } from 'node:path';
import { SSH_HOST_CERTIFICATE, SSH_HOST_KEY, SSH_USER_AUTHORITIES } from '../host-files.ts';
import { KRL_FILE } from '../revocation/list-files.ts';

/** Where the files of a host are that `sshd` is told of. */
export const pathsIn = (directory: string) => ({
  hostKey: join(directory, SSH_HOST_KEY),
  hostCertificate: join(directory, SSH_HOST_CERTIFICATE),
  userAuthorities: join(directory, SSH_USER_AUTHORITIES),
  revokedKeys: join(directory, KRL_FILE),
});

/** What the lines depend on. */
interface SnippetParts {
  readonly hostKeys: readonly string[];
  readonly withRevokedKeys: boolean;
}

/**
 * `hostKeys` are the private keys to name: none where the certificate is for one that `sshd` has anyway. One `HostKey`
 * line puts all default keys out of use.
 */
export function sshdSnippet(
  directory: string,
  { hostKeys, withRevokedKeys }: SnippetParts,
): string {
  const { hostCertificate, userAuthorities, revokedKeys } = pathsIn(directory);
  return `# Made by joinbot install sshd, which replaces this file: make no changes here.
${hostKeys.map((path) => `HostKey "${path}"\n`).join('')}HostCertificate "${hostCertificate}"
TrustedUserCAKeys "${userAuthorities}"
${withRevokedKeys ? `RevokedKeys "${revokedKeys}"\n` : ''}`;
}
