/** Applies what rotation finds due. Any number of these may run at once, or stop half-way: they converge. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { parseCertificate } from '../encoding/certificate.ts';
import type { Custody } from './custody.ts';
import { type GenuineKeys, openGenuineKeys } from './genuine-keys.ts';
import type { KeyStore } from './key-store.ts';
import { dueActions, newestKey, type RotationAction, type RotationPolicy } from './rotation.ts';
import { sealKey } from './sealing.ts';
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

/** Makes and removes keys until nothing is due. Gives the actions that this run did, and the rows that it ignored. */
export async function rotateKeys(parts: RotationParts, now: Date): Promise<RotationAction[]> {
  const done: RotationAction[] = [];
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const rows = await parts.store.list();
    const genuine = await openGenuineKeys(rows, parts.custody);
    const ours = genuine ? [genuine.dataRow, ...genuine.keys] : [];
    const [action] = dueActions(ours, parts.policy, now, rows);
    if (!action) return [...done, ...(genuine?.foreign ?? []).map(ignored)];
    if (action.kind === 'remove') {
      await parts.store.remove(action.owner, action.sequence);
      done.push(action);
    } else if (
      action.kind === 'create' &&
      (await parts.store.insert(await createKey(action, genuine, parts, now)))
    ) {
      done.push(action);
    }
  }
  throw new Error('keys are still due after several rounds');
}

const ignored = ({ owner, sequence }: KeyDescription): RotationAction => ({
  kind: 'ignore',
  owner,
  sequence,
});

async function createKey(
  { owner, purpose, sequence }: Creation,
  genuine: GenuineKeys | undefined,
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

  if (!genuine) throw new Error('the data key comes first');
  const { dataKey, keys } = genuine;
  const seal = (
    description: Omit<KeyDescription, keyof typeof base>,
    secret: Uint8Array,
  ): SealedKey => sealKey(dataKey, { ...base, ...description }, secret);
  if (owner === 'probe') {
    const expires = created + parts.policy.probeSeconds;
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
  const handle = root.secret;
  const seconds = Math.min(parts.policy.issuingSeconds, root.expires - created);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const certificate = await issueIssuingCertificate(
    `${parts.cluster} issuing ${sequence}`,
    publicKey,
    validity(seconds),
    { subject: parseCertificate(root.certificate).subject, publicKeyInfo: root.publicKey },
    (message) => parts.custody.signWithRoot(handle, message),
  );
  const expires = created + seconds;
  return seal({ publicKey: publicKeyInfo(publicKey), certificate, expires }, pkcs8(privateKey));
}

const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'pkcs8' });
