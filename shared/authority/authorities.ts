/** The authorities with their keys in memory, opened from rows that authenticate. */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { parseCertificate } from '../encoding/certificate.ts';
import { encodePem } from '../encoding/pem.ts';
import { type SshPublicKey, sshPublicKey } from '../encoding/ssh-public-key.ts';
import { newestKey } from './rotation.ts';
import { openKey } from './sealing.ts';
import type { KeyDescription, KeyOwner, SealedKey } from './signing-key.ts';
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

/** A key that challenges are authenticated with. */
export interface ChallengeKey {
  readonly sequence: number;
  readonly secret: KeyObject;
}

export interface Authorities {
  readonly issuing: IssuingAuthority;
  readonly sshUser: SshIssuer;
  /** DER of every trusted root. */
  readonly roots: readonly {
    readonly certificate: Uint8Array;
    readonly publicKeyInfo: Uint8Array;
  }[];
  readonly sshUserCas: readonly SshPublicKey[];
  readonly sshHostCas: readonly SshPublicKey[];
  /** Newest first. */
  readonly challengeKeys: readonly ChallengeKey[];
  /** Unix seconds of the newest change: the trust bundle's version. */
  readonly changed: number;
}

/**
 * Opens the keys. A row that does not authenticate is left out as if it weren't there, so nobody can publish a key or
 * bring one back by writing to the table. `undefined` if a kind of key is missing then.
 */
export function openAuthorities(
  rows: readonly SealedKey[],
  dataKey: Uint8Array,
  now: Date,
): Authorities | undefined {
  const at = now.getTime() / 1000;
  const keys = rows
    .filter(({ owner, expires }) => owner !== 'data' && expires > at)
    .flatMap((row) => opened(row, dataKey));
  const issuing = newestKey(keys, 'tls', 'issuing');
  const root = issuing && issuerOf(issuing, keys);
  const sshUser = newestKey(keys, 'ssh-user', 'sign');
  const sshHost = newestKey(keys, 'ssh-host', 'sign');
  const challengeKeys = keys
    .filter(({ owner }) => owner === 'challenge')
    .map(({ sequence, secret }) => ({ sequence, secret: createSecretKey(secret) }))
    .toSorted((a, b) => b.sequence - a.sequence);
  if (!issuing || !root || !sshUser || !sshHost || challengeKeys.length === 0) return undefined;

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
    sshUser: { publicKey: sshKey(sshUser.publicKey), privateKey: privateKey(sshUser.secret) },
    roots: keys
      .filter(({ purpose }) => purpose === 'root')
      .map(({ certificate, publicKey }) => ({ certificate, publicKeyInfo: publicKey })),
    sshUserCas: publicKeysOf(keys, 'ssh-user'),
    sshHostCas: publicKeysOf(keys, 'ssh-host'),
    challengeKeys,
    changed: Math.max(
      ...keys.filter(({ owner }) => owner !== 'challenge').map(({ changed }) => changed),
    ),
  };
}

interface OpenedKey extends KeyDescription {
  readonly secret: Uint8Array;
}

function opened(row: SealedKey, dataKey: Uint8Array): OpenedKey[] {
  try {
    return [{ ...row, secret: openKey(dataKey, row) }];
  } catch {
    return [];
  }
}

function issuerOf(issuing: OpenedKey, keys: readonly OpenedKey[]): OpenedKey | undefined {
  const { issuer } = parseCertificate(issuing.certificate);
  return keys.find(
    ({ purpose, certificate }) =>
      purpose === 'root' && Buffer.compare(parseCertificate(certificate).subject, issuer) === 0,
  );
}

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
