/** Checks what the broker granted against what was asked for, before a byte of it is written. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { sameBytes } from '../shared/encoding/certificate.ts';
import { decodePem } from '../shared/encoding/pem.ts';
import { parseSshPublicKeyLine, sshBlob, sshPublicKey } from '../shared/encoding/ssh-public-key.ts';
import type { GrantedCertificate } from '../shared/protocol/join.ts';
import { parseTimestamp } from '../shared/protocol/values.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import { parseSshCertificate } from './ssh-certificate.ts';
import { checkChain } from './tls-chain.ts';
import type { VerifiedTrust } from './trust-bundle.ts';

/** A certificate with its private key, checked. */
export interface IssuedCertificate {
  readonly name: string;
  readonly privateKey: KeyObject;
  /** PEM: leaf, issuing. */
  readonly tls: string;
  /** One line; absent where the roles have no login. */
  readonly ssh?: string;
  readonly sshAbsent?: string;
  readonly roles: readonly string[];
  readonly expires: Date;
}

const MOST_CHAIN = 4;

/** Throws a `Failure` that names what doesn't fit. */
export function checkIssued(
  granted: GrantedCertificate,
  privateKey: KeyObject,
  trust: VerifiedTrust,
  now: Date,
): IssuedCertificate {
  const publicKey = createPublicKey(privateKey);
  checkTls(granted, publicKey, trust, now);
  if (granted.ssh !== undefined) checkSsh(granted.ssh, publicKey, trust);
  const expires = parseTimestamp(granted.expires);
  if (!expires) throw unfit('it does not say until when it is valid');
  return {
    name: granted.name,
    privateKey,
    tls: granted.tls,
    ...(granted.ssh !== undefined && { ssh: granted.ssh.trimEnd() }),
    ...(granted.ssh_absent !== undefined && { sshAbsent: printable(granted.ssh_absent) }),
    roles: granted.roles ?? [],
    expires,
  };
}

function checkTls(
  granted: GrantedCertificate,
  publicKey: KeyObject,
  trust: VerifiedTrust,
  now: Date,
): void {
  const ders = decodePem('CERTIFICATE', granted.tls) ?? [];
  if (ders.length === 0 || ders.length > MOST_CHAIN) throw unfit('it is not PEM');
  const chain = ders.map(readCertificate);
  if (!chain[0]?.publicKey.equals(publicKey)) throw unfit('it is for another key');
  checkChain(chain, trust.roots, now);
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    // OpenSSL's reason names its own source files: of no use to an operator.
    throw unfit('it is not a certificate');
  }
}

function checkSsh(line: string, publicKey: KeyObject, trust: VerifiedTrust): void {
  const certificate = parseSshCertificate(line);
  const key = sshPublicKey(publicKey);
  if (!certificate || !key) throw unfit('its SSH form is not one line of OpenSSH');
  if (!sameBytes(certificate.publicKey, sshBlob(key)))
    throw unfit('its SSH form is for another key');
  if (certificate.kind !== 'user') throw unfit('its SSH form is for a host');
  // OpenSSH takes a certificate without principals for everybody's (rule 11).
  if (certificate.principals.length === 0) throw unfit('its SSH form names no login');
  const known = trust.bundle.ssh.user_ca.some((text) => {
    const authority = parseSshPublicKeyLine(text);
    const blob = authority && sshPublicKey(authority);
    return blob && sameBytes(sshBlob(blob), certificate.authority);
  });
  if (!known)
    throw unfit('its SSH form is signed by an authority that the trust bundle does not list');
}

const unfit = (why: string): Failure =>
  new Failure('untrusted', `a certificate from the broker is not accepted: ${why}`);
