/** The authorities with their keys in memory. */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { parseCertificate } from '../encoding/certificate.ts';
import { encodePem } from '../encoding/pem.ts';
import { type SshPublicKey, sshPublicKey } from '../encoding/ssh-public-key.ts';
import type { GenuineKeys, OpenedKey } from './genuine-keys.ts';
import { newestKey } from './rotation.ts';
import type { KeyOwner } from './signing-key.ts';
import type { SshIssuer } from './ssh-certificate.ts';
import type { TlsIssuer } from './tls-certificate.ts';

/** An issuing key with what travels along with its leaves. */
export interface IssuingAuthority extends TlsIssuer {
  /** DER of the issuing certificate, and of its root. */
  readonly certificate: Uint8Array;
  readonly root: Uint8Array;
  readonly pem: string;
  readonly notAfter: Date;
}

/** The key of the prober's mark. */
export interface ProbeKey {
  readonly sequence: number;
  readonly secret: KeyObject;
}

export interface Authorities {
  readonly issuing: IssuingAuthority;
  readonly sshUser: SshIssuer;
  readonly sshHost: SshIssuer;
  /** DER of every trusted root. */
  readonly roots: readonly {
    readonly certificate: Uint8Array;
    readonly publicKeyInfo: Uint8Array;
  }[];
  readonly sshUserCas: readonly SshPublicKey[];
  readonly sshHostCas: readonly SshPublicKey[];
  /** Newest first. */
  readonly probeKeys: readonly ProbeKey[];
  /** Unix seconds of the newest change: the trust bundle's version. */
  readonly changed: number;
  /** Unix seconds at which the newest key of each kind expires. */
  readonly expires: Readonly<
    Record<'tls-root' | 'tls-issuing' | 'ssh-user' | 'ssh-host' | 'probe', number>
  >;
}

/** The authorities of these keys; `undefined` if a kind of key is missing, or over. */
export function authoritiesOf({ keys: all }: GenuineKeys, now: Date): Authorities | undefined {
  const at = now.getTime() / 1000;
  const keys = all.filter(({ expires }) => expires > at);
  const issuing = newestKey(keys, 'tls', 'issuing');
  const root = issuing && issuerOf(issuing, keys);
  const sshUser = newestKey(keys, 'ssh-user', 'sign');
  const sshHost = newestKey(keys, 'ssh-host', 'sign');
  const probe = newestKey(keys, 'probe', 'authenticate');
  const probeKeys = keys
    .filter(({ owner }) => owner === 'probe')
    .map(({ sequence, secret }) => ({ sequence, secret: createSecretKey(secret) }))
    .toSorted((a, b) => b.sequence - a.sequence);
  if (!issuing || !root || !sshUser || !sshHost || !probe) return undefined;

  const { subject, notAfter } = parseCertificate(issuing.certificate);
  return {
    issuing: {
      certificate: issuing.certificate,
      root: root.certificate,
      subject,
      notAfter,
      publicKeyInfo: issuing.publicKey,
      privateKey: privateKey(issuing.secret),
      pem: encodePem('CERTIFICATE', issuing.certificate),
    },
    sshUser: sshIssuer(sshUser),
    sshHost: sshIssuer(sshHost),
    roots: keys
      .filter(({ purpose }) => purpose === 'root')
      .map(({ certificate, publicKey }) => ({ certificate, publicKeyInfo: publicKey })),
    sshUserCas: publicKeysOf(keys, 'ssh-user'),
    sshHostCas: publicKeysOf(keys, 'ssh-host'),
    probeKeys,
    changed: Math.max(
      ...keys.filter(({ owner }) => owner !== 'probe').map(({ changed }) => changed),
    ),
    expires: {
      'tls-root': root.expires,
      'tls-issuing': issuing.expires,
      'ssh-user': sshUser.expires,
      'ssh-host': sshHost.expires,
      probe: probe.expires,
    },
  };
}

function issuerOf(issuing: OpenedKey, keys: readonly OpenedKey[]): OpenedKey | undefined {
  const { issuer } = parseCertificate(issuing.certificate);
  return keys.find(
    ({ purpose, certificate }) =>
      purpose === 'root' && Buffer.compare(parseCertificate(certificate).subject, issuer) === 0,
  );
}

const sshIssuer = ({ publicKey, secret }: OpenedKey): SshIssuer => ({
  publicKey: sshKey(publicKey),
  privateKey: privateKey(secret),
});

const publicKeysOf = (keys: readonly OpenedKey[], owner: KeyOwner): SshPublicKey[] =>
  keys.filter((key) => key.owner === owner).map(({ publicKey }) => sshKey(publicKey));

function sshKey(spki: Uint8Array): SshPublicKey {
  const key = sshPublicKey(
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }),
  );
  if (!key) throw new Error('an SSH authority has a key of a kind that SSH does not know');
  return key;
}

const privateKey = (pkcs8: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
