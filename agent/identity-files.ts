/** The files of an identity directory: one certificate with its key, and what to trust, in the forms that tools read. */
import { join } from 'node:path';
import type { TrustBundle } from '../shared/protocol/trust.ts';
import type { IssuedCertificate } from './issued-certificate.ts';
import { opensshPrivateKey } from './openssh-private-key.ts';
import { pkcs8Pem } from './outputs/key-text.ts';
import { KRL_FILE } from './revocation/list-files.ts';
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

/** The same once more, as paramiko and other libraries read it. */
export const OPENSSH_FILES = ['id_ecdsa', 'id_ecdsa.pub', 'id_ecdsa-cert.pub'];

interface IdentityForm {
  /** Absolute: OpenSSH's configuration names the other files by their whole paths. Without one there is no `ssh_config`. */
  readonly directory: string | undefined;
  /** Hosts that `ssh_config` is for, beside those of the cluster: names, or patterns as OpenSSH has them. */
  readonly hosts: readonly string[];
  /** Also as `OPENSSH_FILES`. */
  readonly withOpensshKey: boolean;
  /** There is a list of what is revoked beside them: `ssh` believes no host that is on it. */
  readonly withRevokedHosts: boolean;
}

export function identityFiles(
  bot: string,
  certificate: IssuedCertificate,
  trust: TrustBundle,
  { directory, hosts, withOpensshKey, withRevokedHosts }: IdentityForm,
): ReadonlyMap<string, string> {
  const { ssh } = certificate;
  const publicKey = publicKeyLine(bot, certificate);
  return new Map([
    ['key', pkcs8Pem(certificate)],
    ['key.pub', publicKey],
    ['tlscert', certificate.tls],
    ['tlscacerts', trust.tls.roots],
    ['sshcacerts', authorityLines(trust.ssh.user_ca)],
    ['known_hosts', knownHosts(trust)],
    ...optional(directory, (path) => [
      [
        'ssh_config',
        sshConfig(path, [`*.${trust.cluster}`, ...hosts], ssh !== undefined, withRevokedHosts),
      ],
    ]),
    ...optional(ssh, (line) => [
      ['sshcert', `${line}\n`],
      ['key-cert.pub', `${line}\n`],
    ]),
    ...(withOpensshKey
      ? ([
          ['id_ecdsa', opensshPrivateKey(certificate.privateKey, bot)],
          ['id_ecdsa.pub', publicKey],
          ...optional(ssh, (line) => [['id_ecdsa-cert.pub', `${line}\n`]]),
        ] as const)
      : []),
  ]);
}

type Entries = readonly (readonly [name: string, text: string])[];

const optional = <T>(value: T | undefined, entries: (value: T) => Entries): Entries =>
  value === undefined ? [] : entries(value);

/**
 * For these hosts alone: whoever includes it in a configuration of their own keeps their settings for all others.
 */
function sshConfig(
  directory: string,
  hosts: readonly string[],
  withCertificate: boolean,
  withRevokedHosts: boolean,
): string {
  const path = (file: string): string => `"${join(directory, file).replaceAll('%', '%%')}"`;
  const settings = [
    `IdentityFile ${path('key')}`,
    ...(withCertificate ? [`CertificateFile ${path('key-cert.pub')}`] : []),
    // Hosts with a certificate of the broker's authority, and those that the user knows anyway.
    `UserKnownHostsFile ${path('known_hosts')} ~/.ssh/known_hosts`,
    ...(withRevokedHosts ? [`RevokedHostKeys ${path(KRL_FILE)}`] : []),
    'IdentitiesOnly yes',
    // A machine can't be asked whether it knows a host, and known_hosts is written anew with each renewal.
    'StrictHostKeyChecking yes',
  ];
  return `Host ${hosts.join(' ')}\n${settings.map((line) => `    ${line}\n`).join('')}`;
}
