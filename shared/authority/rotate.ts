/** Applies what rotation finds due. Any number of these may run at once, or stop half-way: they converge. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { parseCertificate } from '../encoding/certificate.ts';
import type { Custody } from './custody.ts';
import type { KeyStore } from './key-store.ts';
import { dueActions, newestKey, type RotationAction, type RotationPolicy } from './rotation.ts';
import { openKey, sealKey } from './sealing.ts';
import { type KeyDescription, NEVER, type SealedKey } from './signing-key.ts';
import {
  BACKDATED_SECONDS,
  issueIssuingCertificate,
  issueRootCertificate,
} from './tls-certificate.ts';
import { publicKeyInfo } from './x509.ts';

export interface RotationParts {
  readonly store: KeyStore;
  readonly custody: Custody;
  readonly policy: RotationPolicy;
  /** The cluster's name: part of the authorities' names. */
  readonly cluster: string;
}

type Creation = Extract<RotationAction, { kind: 'create' }>;

/** More rounds than all keys together can need; more would mean that storage forgets what it was told. */
const MOST_ROUNDS = 16;

/** Makes and removes keys until nothing is due. Gives the actions that this run did. */
export async function rotateKeys(parts: RotationParts, now: Date): Promise<RotationAction[]> {
  const done: RotationAction[] = [];
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const keys = await parts.store.list();
    const [action] = dueActions(keys, parts.policy, now);
    if (!action) return done;
    if (action.kind === 'remove') {
      await parts.store.remove(action.owner, action.sequence);
      done.push(action);
    } else if (await parts.store.insert(await createKey(action, keys, parts, now)))
      done.push(action);
  }
  throw new Error('keys are still due after several rounds');
}

async function createKey(
  { owner, purpose, sequence }: Creation,
  keys: readonly SealedKey[],
  parts: RotationParts,
  now: Date,
): Promise<SealedKey> {
  const created = Math.floor(now.getTime() / 1000);
  const base = { owner, purpose, sequence, state: 'signing', created, changed: created } as const;
  const none = new Uint8Array();
  if (owner === 'data') {
    const sealed = await parts.custody.wrapDataKey(randomBytes(32));
    return { ...base, publicKey: none, certificate: none, expires: NEVER, sealed };
  }

  const dataKey = await openDataKey(keys, parts.custody);
  const seal = (
    description: Omit<KeyDescription, keyof typeof base>,
    secret: Uint8Array,
  ): SealedKey => sealKey(dataKey, { ...base, ...description }, secret);
  if (owner === 'challenge') {
    const expires = created + parts.policy.challengeSeconds;
    return seal({ publicKey: none, certificate: none, expires }, randomBytes(32));
  }
  if (purpose === 'sign') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    return seal(
      { publicKey: publicKeyInfo(publicKey), certificate: none, expires: NEVER },
      pkcs8(privateKey),
    );
  }
  const validity = (seconds: number) => ({
    notBefore: new Date((created - BACKDATED_SECONDS) * 1000),
    notAfter: new Date((created + seconds) * 1000),
  });
  if (purpose === 'root') {
    const { publicKey, handle } = await parts.custody.createRootKey();
    const certificate = await issueRootCertificate(
      `${parts.cluster} root ${sequence}`,
      publicKey,
      validity(parts.policy.rootSeconds),
      (message) => parts.custody.signWithRoot(handle, message),
    );
    const expires = created + parts.policy.rootSeconds;
    return seal({ publicKey: publicKeyInfo(publicKey), certificate, expires }, handle);
  }
  const root = newestKey(keys, 'tls', 'root');
  if (!root) throw new Error('an issuing key needs a root');
  const handle = openKey(dataKey, root);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const certificate = await issueIssuingCertificate(
    `${parts.cluster} issuing ${sequence}`,
    publicKey,
    validity(parts.policy.issuingSeconds),
    { subject: parseCertificate(root.certificate).subject, publicKeyInfo: root.publicKey },
    (message) => parts.custody.signWithRoot(handle, message),
  );
  const expires = created + parts.policy.issuingSeconds;
  return seal({ publicKey: publicKeyInfo(publicKey), certificate, expires }, pkcs8(privateKey));
}

/** The key that all other private keys are encrypted with. */
export async function openDataKey(
  keys: readonly SealedKey[],
  custody: Custody,
): Promise<Uint8Array> {
  const wrapped = newestKey(keys, 'data', 'encrypt');
  if (!wrapped) throw new Error('there is no data key');
  return custody.unwrapDataKey(wrapped.sealed);
}

const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'pkcs8' });
