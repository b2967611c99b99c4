/** Checks what the broker granted against what was asked for, before a byte of it is written. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { sameBytes } from '../shared/encoding/certificate.ts';
import { decodePem } from '../shared/encoding/pem.ts';
import { parseSshPublicKeyLine, sshBlob, sshPublicKey } from '../shared/encoding/ssh-public-key.ts';
import type { GrantedCertificate } from '../shared/protocol/join.ts';
import { parseWith } from '../shared/protocol/schema.ts';
import { dnsName, parseTimestamp } from '../shared/protocol/values.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import { parseSshCertificate, type SshCertificate } from './ssh-certificate.ts';
import { checkChain } from './tls-chain.ts';
import type { VerifiedTrust } from './trust-bundle.ts';

/** A certificate with its private key, checked. */
export interface IssuedCertificate {
  readonly name: string;
  readonly privateKey: KeyObject;
  /** The key of the SSH form, where it is another one: its private half is not the agent's. */
  readonly sshKey?: KeyObject;
  /** PEM: leaf, issuing. */
  readonly tls: string;
  /** One line; absent where the roles have no login. */
  readonly ssh?: string;
  readonly sshAbsent?: string;
  readonly roles: readonly string[];
  /** The DNS names of a host, at least one; a user's certificate has none. */
  readonly names: readonly string[];
  readonly issued: Date;
  readonly expires: Date;
}

interface Expected {
  readonly kind: 'user' | 'host';
  /** The line of the key that the SSH form was asked for, where it is another than the private key's. */
  readonly sshKey?: string | undefined;
  readonly now: Date;
}

const MOST_CHAIN = 4;

/** Throws a `Failure` that names what doesn't fit. */
export function checkIssued(
  granted: GrantedCertificate,
  privateKey: KeyObject,
  trust: VerifiedTrust,
  { kind, sshKey, now }: Expected,
): IssuedCertificate {
  const publicKey = createPublicKey(privateKey);
  const names = namesOf(granted, kind);
  const otherKey = sshKey === undefined ? undefined : parseSshPublicKeyLine(sshKey);
  checkTls(granted, publicKey, names, trust, now);
  if (kind === 'host' && granted.ssh === undefined) throw unfit('it has no SSH form');
  if (granted.ssh !== undefined) {
    const certificate = checkSsh(granted.ssh, kind, otherKey ?? publicKey, trust);
    if (kind === 'host' && !sameNames(certificate.principals, names))
      throw unfit('its SSH form is for other names');
  }
  const issued = parseTimestamp(granted.issued);
  const expires = parseTimestamp(granted.expires);
  if (!issued || !expires) throw unfit('it does not say until when it is valid');
  return {
    name: granted.name,
    privateKey,
    ...(otherKey && { sshKey: otherKey }),
    tls: granted.tls,
    ...(granted.ssh !== undefined && { ssh: granted.ssh.trimEnd() }),
    ...(granted.ssh_absent !== undefined && { sshAbsent: printable(granted.ssh_absent) }),
    roles: granted.roles ?? [],
    names,
    issued,
    expires,
  };
}

/** What a host is called: OpenSSH takes a host's certificate without a name for that of every host (rule 11). */
function namesOf({ names = [] }: GrantedCertificate, kind: 'user' | 'host'): readonly string[] {
  if (kind === 'user' && names.length > 0) throw unfit('it is for a host');
  if (kind === 'host' && names.length === 0) throw unfit('it names no host');
  if (!names.every((name) => parseWith(dnsName, name).ok))
    throw unfit('a name of it is no DNS name');
  return names;
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  some.toSorted().join('\n') === others.toSorted().join('\n');

function checkTls(
  granted: GrantedCertificate,
  publicKey: KeyObject,
  names: readonly string[],
  trust: VerifiedTrust,
  now: Date,
): void {
  const ders = decodePem('CERTIFICATE', granted.tls) ?? [];
  if (ders.length === 0 || ders.length > MOST_CHAIN) throw unfit('it is not PEM');
  const chain = ders.map(readCertificate);
  const [leaf] = chain;
  if (!leaf?.publicKey.equals(publicKey)) throw unfit('it is for another key');
  checkChain(chain, trust.roots, now);
  const has = (name: string) => leaf.checkHost(name, { subject: 'never', wildcards: false });
  if (!names.every(has)) throw unfit('it is for other names');
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    // OpenSSL's reason names its own source files: of no use to an operator.
    throw unfit('it is not a certificate');
  }
}

function checkSsh(
  line: string,
  kind: 'user' | 'host',
  publicKey: KeyObject,
  trust: VerifiedTrust,
): SshCertificate {
  const certificate = parseSshCertificate(line);
  const key = sshPublicKey(publicKey);
  if (!certificate || !key) throw unfit('its SSH form is not one line of OpenSSH');
  if (!sameBytes(certificate.publicKey, sshBlob(key)))
    throw unfit('its SSH form is for another key');
  if (certificate.kind !== kind) throw unfit(`its SSH form is for a ${certificate.kind}`);
  // OpenSSH takes a certificate without principals for everybody's (rule 11).
  if (certificate.principals.length === 0)
    throw unfit(`its SSH form names no ${kind === 'user' ? 'login' : 'host'}`);
  const { user_ca, host_ca } = trust.bundle.ssh;
  const known = (kind === 'user' ? user_ca : host_ca).some((text) => {
    const authority = parseSshPublicKeyLine(text);
    const blob = authority && sshPublicKey(authority);
    return blob && sameBytes(sshBlob(blob), certificate.authority);
  });
  if (!known)
    throw unfit('its SSH form is signed by an authority that the trust bundle does not list');
  return certificate;
}

const unfit = (why: string): Failure =>
  new Failure('untrusted', `a certificate from the broker is not accepted: ${why}`);

/** When the first of them is over. */
export const soonestEnd = (certificates: Iterable<IssuedCertificate>): Date =>
  new Date(Math.min(...Array.from(certificates, ({ expires }) => expires.getTime())));
