/** The files of a host: its certificates of both kinds, their key, and what to trust, in the forms that servers read. */
import type { TrustBundle } from '../shared/protocol/trust.ts';
import type { IssuedCertificate } from './issued-certificate.ts';
import { pkcs8Pem } from './outputs/key-text.ts';
import { authorityLines, knownHosts, publicKeyLine } from './ssh-lines.ts';

/** For `sshd`. */
export const SSH_HOST_KEY = 'ssh_host_key';
export const SSH_HOST_PUBLIC_KEY = 'ssh_host_key.pub';
export const SSH_HOST_CERTIFICATE = 'ssh_host_key-cert.pub';
export const SSH_USER_AUTHORITIES = 'ssh_user_ca.pub';

/** There is no SSH key where the certificate is for one that `sshd` has. OpenSSH reads PKCS#8 as well as its own form. */
export function hostFiles(
  certificate: IssuedCertificate,
  trust: TrustBundle,
): ReadonlyMap<string, string> {
  const { sshKey, tls, ssh, names } = certificate;
  const [name] = names;
  if (ssh === undefined || name === undefined)
    throw new TypeError("a host's certificate has a name and an SSH form");
  const key = pkcs8Pem(certificate);
  return new Map([
    ...(sshKey ? [] : [[SSH_HOST_KEY, key] as const]),
    [SSH_HOST_PUBLIC_KEY, publicKeyLine(name, certificate)],
    [SSH_HOST_CERTIFICATE, `${ssh}\n`],
    [SSH_USER_AUTHORITIES, authorityLines(trust.ssh.user_ca)],
    ['known_hosts', knownHosts(trust)],
    ['tlskey', key],
    ['tlscert', tls],
    ['tlscacerts', trust.tls.roots],
  ]);
}
