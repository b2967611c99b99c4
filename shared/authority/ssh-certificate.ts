/** OpenSSH certificates (https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys). */
import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { encodeBase64 } from '../encoding/base64.ts';
import { type SshPublicKey, sshBlob } from '../encoding/ssh-public-key.ts';
import { sshMpint, sshString, sshUint32, sshUint64 } from '../encoding/ssh-wire.ts';
import { SSH_PERMISSIONS, type SshPermissions } from '../protocol/ssh-permissions.ts';
import { checkHostPrincipals } from './host-principals.ts';

export interface SshCertificate {
  readonly serial: bigint;
  readonly key: SshPublicKey;
  /** What `sshd` logs: stable for an instance. */
  readonly keyId: string;
  /** Logins of a user's certificate, names of a host's; never empty (rule 11). */
  readonly principals: readonly string[];
  readonly validAfter: Date;
  readonly validBefore: Date;
}

/** Kinds of keys of an authority. Hosts in FIPS mode refuse Ed25519. */
export const SSH_AUTHORITY_KEYS = ['ed25519', 'ecdsa-p256'] as const;
export type SshAuthorityKey = (typeof SSH_AUTHORITY_KEYS)[number];

/** The authority's key, of one of these kinds. */
export interface SshIssuer {
  readonly publicKey: SshPublicKey;
  readonly privateKey: KeyObject;
}

/** OpenSSH reads no certificate with more (SSHKEY_CERT_MAX_PRINCIPALS). */
export const MOST_PRINCIPALS = 256;

const TYPES = { user: 1, host: 2 } as const;

/** What hosts have, and users by default: a user may run a command, from anywhere. */
const NO_PERMISSIONS: SshPermissions = { extensions: [], sourceAddresses: undefined };

/** Makes a user certificate, as one line without a comment. */
export function issueSshUserCertificate(
  certificate: SshCertificate,
  issuer: SshIssuer,
  permissions: SshPermissions = NO_PERMISSIONS,
): string {
  // OpenSSH takes an empty list for any address.
  if (permissions.sourceAddresses?.length === 0)
    throw new Error('an SSH certificate needs an address to be used from');
  return issue('user', certificate, permissions, issuer);
}

/** Makes a host certificate, as one line without a comment. */
export function issueSshHostCertificate(certificate: SshCertificate, issuer: SshIssuer): string {
  checkHostPrincipals(certificate.principals);
  return issue('host', certificate, NO_PERMISSIONS, issuer);
}

function issue(
  kind: keyof typeof TYPES,
  certificate: SshCertificate,
  { extensions, sourceAddresses }: SshPermissions,
  issuer: SshIssuer,
): string {
  if (certificate.principals.length > MOST_PRINCIPALS)
    throw new Error('an SSH certificate has too many principals for OpenSSH to read');
  // OpenSSH takes a certificate without principals for everybody's.
  if (certificate.principals.length === 0) throw new Error('an SSH certificate needs a principal');
  const type = `${certificate.key.type}-cert-v01@openssh.com`;
  const body = Buffer.concat([
    sshString(type),
    sshString(randomBytes(32)),
    certificate.key.fields,
    sshUint64(certificate.serial),
    sshUint32(TYPES[kind]),
    sshString(certificate.keyId),
    sshString(Buffer.concat(certificate.principals.map((principal) => sshString(principal)))),
    sshUint64(seconds(certificate.validAfter)),
    sshUint64(seconds(certificate.validBefore)),
    sshString(sourceAddresses === undefined ? '' : sourceAddress(sourceAddresses)),
    sshString(
      Buffer.concat(
        SSH_PERMISSIONS.filter((name) => extensions.includes(name)).flatMap((name) => [
          sshString(name),
          sshString(''),
        ]),
      ),
    ),
    sshString(''),
    sshString(sshBlob(issuer.publicKey)),
  ]);
  return `${type} ${encodeBase64(Buffer.concat([body, sshString(signatureOf(body, issuer))]))}`;
}

/** RFC 8709 section 6, RFC 5656 section 3.1.2. */
function signatureOf(body: Uint8Array, { publicKey, privateKey }: SshIssuer): Uint8Array {
  if (publicKey.type === 'ssh-ed25519')
    return Buffer.concat([sshString(publicKey.type), sshString(sign(null, body, privateKey))]);
  const sideBySide = sign('sha256', body, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const numbers = [sideBySide.subarray(0, 32), sideBySide.subarray(32)].map(sshMpint);
  return Buffer.concat([sshString(publicKey.type), sshString(Buffer.concat(numbers))]);
}

/** The critical option: its name, and its value in a string of its own. */
const sourceAddress = (addresses: readonly string[]): Uint8Array =>
  Buffer.concat([sshString('source-address'), sshString(sshString(addresses.join(',')))]);

const seconds = (time: Date): bigint => BigInt(Math.floor(time.getTime() / 1000));
