/** The authorities with their keys in memory, as they are at one moment. */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { decodeBase64 } from '../encoding/base64.ts';
import { parseCertificate } from '../encoding/certificate.ts';
import { encodePem } from '../encoding/pem.ts';
import { type SshPublicKey, sshPublicKey } from '../encoding/ssh-public-key.ts';
import { rootOf } from './count-keys.ts';
import type { GenuineKeys } from './genuine-keys.ts';
import { type DerivedLogKey, deriveLogKey, type FormerLogKey, openLogKeys } from './log-key.ts';
import { nextChange, publishedKeys, publishedVersion } from './published-keys.ts';
import { newestKey, supersededAt, usedKey } from './rotation.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import type { OpenedKey } from './signing-key.ts';
import type { SshIssuer } from './ssh-certificate.ts';
import type { IssuerNames, TlsIssuer } from './tls-certificate.ts';

/** An issuing key with what travels along with its leaves. */
export interface IssuingAuthority extends TlsIssuer {
  /** DER of the issuing certificate, and of its root. */
  readonly certificate: Uint8Array;
  readonly root: Uint8Array;
  /** DER of what leads from the issuing certificate to the root that relying parties have known longest: it is the last. */
  readonly chain: readonly Uint8Array[];
  /** What travels along with a leaf: the issuing certificate, and while an older root is known its certificate of the root. */
  readonly pem: string;
  readonly notAfter: Date;
}

/** An issuing key, and the ends that certificates of it can have: Unix seconds. */
export interface ListedIssuer extends TlsIssuer {
  /** DER of the issuing certificate. */
  readonly certificate: Uint8Array;
  readonly endsFrom: number;
  readonly endsUntil: number;
}

/** A root, and what custody signs with it by. */
export interface RootAuthority extends IssuerNames {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly handle: Uint8Array;
}

/** The key of the prober's mark. */
export interface ProbeKey {
  readonly sequence: number;
  readonly secret: KeyObject;
}

/** A certificate of an authority that counts for nothing any more, for the list of the root that it is under. */
export interface RevokedIssuer {
  /** DER of the root's certificate. */
  readonly root: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly at: Date;
}

/** An SSH authority that counts for nothing any more: whatever it has signed is revoked. */
export interface RevokedSshAuthority {
  readonly key: SshPublicKey;
  readonly at: Date;
}

export interface Authorities {
  readonly issuing: IssuingAuthority;
  readonly sshUser: SshIssuer;
  readonly sshHost: SshIssuer;
  /** Every issuing key that is not over, the one that signs and those before it: each has a list of what is revoked. */
  readonly issuers: readonly ListedIssuer[];
  /** Every trusted root. */
  readonly roots: readonly RootAuthority[];
  /** Upcoming, signing and retiring ones. */
  readonly sshUserCas: readonly SshPublicKey[];
  readonly sshHostCas: readonly SshPublicKey[];
  /** Authenticates the rows of the join log. */
  readonly logKey: DerivedLogKey & { readonly former: readonly FormerLogKey[] };
  /** Newest first. */
  readonly probeKeys: readonly ProbeKey[];
  /** Issuing certificates whose keys leaked. A successor names them for as long as they could still be believed. */
  readonly revoked: readonly RevokedIssuer[];
  /** SSH authorities that leaked, of users and of hosts: their successors name them, the latest sixteen of each. */
  readonly revokedSsh: readonly RevokedSshAuthority[];
  /** The trust bundle's version. */
  readonly version: number;
  /** When the first of the keys that sign is over: no certificate may outlive it (rule 12). */
  readonly signsUntil: Date;
  /** Unix seconds at which the same keys make other authorities: one begins to sign, or leaves the bundle. */
  readonly changes: number;
  /** Unix seconds at which the newest key of each kind expires. */
  readonly expires: Readonly<
    Record<'tls-root' | 'tls-issuing' | 'ssh-user' | 'ssh-host' | 'probe', number>
  >;
}

/** The authorities of these keys; `undefined` if a kind of key is missing, or over. */
export function authoritiesOf(
  { keys, dataKey, dataRow: { takenOver } }: GenuineKeys,
  policy: RotationPolicy,
  now: Date,
): Authorities | undefined {
  const at = now.getTime() / 1000;
  const used = (owner: OpenedKey['owner'], purpose: OpenedKey['purpose']) =>
    usedKey(keys, owner, purpose, at);
  const issuing = used('tls', 'issuing');
  const root = issuing && rootOf(issuing, keys);
  const sshUser = used('ssh-user', 'sign');
  const sshHost = used('ssh-host', 'sign');
  const probe = used('probe', 'authenticate');
  if (!issuing || !root || !sshUser || !sshHost || !probe) return undefined;

  const published = (owner: OpenedKey['owner'], purpose: OpenedKey['purpose']) =>
    publishedKeys(keys, owner, purpose, policy, at);
  const ends = (key: OpenedKey): number =>
    newestKey(keys, key.owner, key.purpose)?.expires ?? key.expires;
  const { subject, notAfter } = parseCertificate(issuing.certificate);
  const cross = crossOf(root, at);
  const older = keys.find(({ purpose, sequence }) => purpose === 'root' && sequence === cross?.by);
  return {
    issuing: {
      certificate: issuing.certificate,
      root: root.certificate,
      chain:
        cross && older
          ? [issuing.certificate, cross.certificate, older.certificate]
          : [issuing.certificate, root.certificate],
      subject,
      notAfter,
      publicKeyInfo: issuing.publicKey,
      privateKey: privateKey(issuing.secret),
      pem: [issuing.certificate, ...(cross ? [cross.certificate] : [])]
        .map((der) => encodePem('CERTIFICATE', der))
        .join(''),
    },
    sshUser: sshIssuer(sshUser),
    sshHost: sshIssuer(sshHost),
    issuers: keys
      .filter(({ purpose, expires }) => purpose === 'issuing' && expires > at)
      .map((key) => listedIssuer(key, keys, policy)),
    roots: published('tls', 'root').map(({ certificate, publicKey, secret }) => ({
      certificate,
      publicKeyInfo: publicKey,
      subject: parseCertificate(certificate).subject,
      handle: secret,
    })),
    sshUserCas: published('ssh-user', 'sign').map(({ publicKey }) => sshKey(publicKey)),
    sshHostCas: published('ssh-host', 'sign').map(({ publicKey }) => sshKey(publicKey)),
    logKey: {
      ...deriveLogKey(dataKey),
      former: takenOver ? openLogKeys(dataKey, takenOver.logKeys) : [],
    },
    probeKeys: published('probe', 'authenticate')
      .map(({ sequence, secret }) => ({ sequence, secret: createSecretKey(secret) }))
      .toSorted((a, b) => b.sequence - a.sequence),
    revoked: revokedIssuers(keys),
    revokedSsh: revokedSshAuthorities(keys),
    version: publishedVersion(keys, policy, at),
    signsUntil: new Date(Math.min(issuing.expires, sshUser.expires, sshHost.expires) * 1000),
    changes: nextChange(keys, policy, at),
    expires: {
      'tls-root': ends(root),
      'tls-issuing': ends(issuing),
      'ssh-user': ends(sshUser),
      'ssh-host': ends(sshHost),
      probe: ends(probe),
    },
  };
}

/** The certificate that a root has of its predecessor, until that one retires or is over. */
function crossOf({ cross, ended = [] }: OpenedKey, at: number): OpenedKey['cross'] {
  if (!cross || ended.some(({ sequence }) => sequence === cross.by)) return undefined;
  const { notAfter } = parseCertificate(cross.certificate);
  return notAfter.getTime() / 1000 > at ? cross : undefined;
}

const revokedIssuers = (keys: readonly OpenedKey[]): RevokedIssuer[] =>
  keys
    .flatMap(({ ended }) => ended ?? [])
    .flatMap(({ at, certificate }) => {
      const root = keys.find(
        ({ purpose, sequence }) => purpose === 'root' && sequence === certificate?.root,
      );
      if (!root || !certificate) return [];
      const serialNumber = Buffer.from(certificate.serial, 'hex');
      return [{ root: root.certificate, serialNumber, at: new Date(at * 1000) }];
    });

/** Several keys may name the same one. */
const revokedSshAuthorities = (keys: readonly OpenedKey[]): RevokedSshAuthority[] => {
  const leaked = keys
    .flatMap(({ ended }) => ended ?? [])
    .map((one) => [one.publicKey, one] as const);
  return [...new Map(leaked)].flatMap(([publicKey, { at }]) => {
    const spki = publicKey === undefined ? undefined : decodeBase64(publicKey);
    return spki ? [{ key: sshKey(spki), at: new Date(at * 1000) }] : [];
  });
};

const listedIssuer = (
  key: OpenedKey,
  keys: readonly OpenedKey[],
  policy: RotationPolicy,
): ListedIssuer => ({
  certificate: key.certificate,
  subject: parseCertificate(key.certificate).subject,
  publicKeyInfo: key.publicKey,
  privateKey: privateKey(key.secret),
  endsFrom: key.created,
  endsUntil: Math.min(key.expires, supersededAt(key, keys, policy)),
});

const sshIssuer = ({ publicKey, secret }: OpenedKey): SshIssuer => ({
  publicKey: sshKey(publicKey),
  privateKey: privateKey(secret),
});

function sshKey(spki: Uint8Array): SshPublicKey {
  const key = sshPublicKey(
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }),
  );
  if (!key) throw new Error('an SSH authority has a key of a kind that SSH does not know');
  return key;
}

const privateKey = (pkcs8: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
