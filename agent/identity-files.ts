/** The files of an identity directory: one certificate with its key, and what to trust, in the forms that tools read. */
import { join } from 'node:path';
import type { TrustBundle } from '../shared/protocol/trust.ts';
import type { FileSet } from './file-set.ts';
import type { IssuedCertificate } from './issued-certificate.ts';
import { authorityLines, knownHosts, publicKeyLine } from './ssh-lines.ts';

/** The names of all files that there may be. */
export const IDENTITY_FILES = [
  'key',
  'key.pub',
  'key-cert.pub',
  'known_hosts',
  'ssh_config',
  'sshcacerts',
  'sshcert',
  'tlscacerts',
  'tlscert',
];

/** `directory` is absolute: OpenSSH's configuration names the other files by their whole paths. */
export function identityFiles(
  bot: string,
  certificate: IssuedCertificate,
  trust: TrustBundle,
  directory: string,
): FileSet {
  const files = new Map([
    ['key', certificate.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['key.pub', publicKeyLine(bot, certificate)],
    ['tlscert', certificate.tls],
    ['tlscacerts', trust.tls.roots],
    ['sshcacerts', authorityLines(trust.ssh.user_ca)],
    ['known_hosts', knownHosts(trust)],
    ['ssh_config', sshConfig(directory, certificate.ssh !== undefined)],
  ]);
  if (certificate.ssh !== undefined) {
    files.set('sshcert', `${certificate.ssh}\n`);
    files.set('key-cert.pub', `${certificate.ssh}\n`);
  }
  return files;
}

function sshConfig(directory: string, withCertificate: boolean): string {
  const path = (file: string): string => `"${join(directory, file).replaceAll('%', '%%')}"`;
  const settings = [
    `IdentityFile ${path('key')}`,
    ...(withCertificate ? [`CertificateFile ${path('key-cert.pub')}`] : []),
    // Hosts with a certificate of the broker's authority, and those that the user knows anyway.
    `UserKnownHostsFile ${path('known_hosts')} ~/.ssh/known_hosts`,
    'IdentitiesOnly yes',
    // A machine can't be asked whether it knows a host, and known_hosts is written anew with each renewal.
    'StrictHostKeyChecking yes',
  ];
  return `Host *\n${settings.map((line) => `    ${line}\n`).join('')}`;
}
