/** The files of an identity directory: one certificate with its key, and what to trust, in the forms that tools read. */
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { sshPublicKey, sshPublicKeyLine } from '../shared/encoding/ssh-public-key.ts';
import type { TrustBundle } from '../shared/protocol/trust.ts';
import { Failure } from './failure.ts';
import type { FileSet } from './file-set.ts';
import type { IssuedCertificate } from './issued-certificate.ts';

/** `directory` is absolute: OpenSSH's configuration names the other files by their whole paths. */
export function identityFiles(
  bot: string,
  certificate: IssuedCertificate,
  trust: TrustBundle,
  directory: string,
): FileSet {
  const files = new Map([
    ['key', certificate.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['key.pub', `${publicKeyLine(bot, certificate)}\n`],
    ['tlscert', certificate.tls],
    ['tlscacerts', trust.tls.roots],
    ['sshcacerts', lines(trust.ssh.user_ca)],
    ['known_hosts', lines(trust.ssh.host_ca.map((key) => `@cert-authority * ${key}`))],
    ['ssh_config', sshConfig(directory, certificate.ssh !== undefined)],
  ]);
  if (certificate.ssh !== undefined) {
    files.set('sshcert', `${certificate.ssh}\n`);
    files.set('key-cert.pub', `${certificate.ssh}\n`);
  }
  return files;
}

function publicKeyLine(bot: string, { privateKey }: IssuedCertificate): string {
  const key = sshPublicKey(createPublicKey(privateKey));
  if (!key) throw new TypeError('the key is of a kind that SSH does not know');
  return sshPublicKeyLine(key, bot);
}

/** Authorities of the trust bundle, a line each. */
function lines(keys: readonly string[]): string {
  for (const key of keys) {
    if (/[^\x20-\x7e]/.test(key)) {
      const message =
        "the broker's trust bundle is not accepted: an SSH key of it is not one line of text";
      throw new Failure('untrusted', message);
    }
  }
  return keys.map((key) => `${key}\n`).join('');
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
