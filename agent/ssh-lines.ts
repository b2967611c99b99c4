/** The lines of OpenSSH's files: public keys, and authorities to trust. */
import { createPublicKey } from 'node:crypto';
import { sshPublicKey, sshPublicKeyLine } from '../shared/encoding/ssh-public-key.ts';
import type { TrustBundle } from '../shared/protocol/trust.ts';
import { Failure } from './failure.ts';
import type { IssuedCertificate } from './issued-certificate.ts';

/** The key of the certificate's SSH form, with a line feed. */
export function publicKeyLine(comment: string, { privateKey, sshKey }: IssuedCertificate): string {
  const key = sshPublicKey(sshKey ?? createPublicKey(privateKey));
  if (!key) throw new TypeError('the key is of a kind that SSH does not know');
  return `${sshPublicKeyLine(key, comment)}\n`;
}

/** Authorities of the trust bundle, a line each. */
export function authorityLines(keys: readonly string[]): string {
  for (const key of keys) {
    if (/[^\x20-\x7e]/.test(key)) {
      const message =
        "the broker's trust bundle is not accepted: an SSH key of it is not one line of text";
      throw new Failure('untrusted', message);
    }
  }
  return keys.map((key) => `${key}\n`).join('');
}

/** Every host with a certificate of the broker's host authorities is known. */
export const knownHosts = ({ ssh }: TrustBundle): string =>
  authorityLines(ssh.host_ca.map((key) => `@cert-authority * ${key}`));
