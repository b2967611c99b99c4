/** Applies what rotation finds due. Any number of these may run at once, or stop half-way: they converge. */
import type { Custody } from './custody.ts';
import { type GenuineKeys, openGenuineKeys } from './genuine-keys.ts';
import type { KeyStore, StoredKeys } from './key-store.ts';
import {
  type DueAction,
  type DueCreation,
  dueActions,
  foundingActions,
  type KeyKind,
  type KeyNumber,
  lostKinds,
  type PresentKeys,
} from './rotation.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import { sealKey, sealMark } from './sealing.ts';
import type { KeyOwner, SealedKey, SealedMark } from './signing-key.ts';
import type { SshAuthorityKey } from './ssh-certificate.ts';

export interface RotationParts {
  readonly store: KeyStore;
  readonly custody: Custody;
  readonly policy: RotationPolicy;
  /** The cluster's name: part of the authorities' names. */
  readonly cluster: string;
  /** The kind of the next SSH authority's key. */
  readonly sshKey?: SshAuthorityKey;
  readonly crlAddress?: string | undefined;
}

/** What a run did, and what it found that it must not mend. */
export interface RotationReport {
  readonly done: readonly DueAction[];
  /** Names of rows that don't authenticate: they are left where they are, for the operator to look at. */
  readonly ignored: readonly string[];
  /** Kinds of keys that rotation does not make, and that are not there. */
  readonly lost: readonly KeyKind[];
}

/** More rounds than all keys together can need; more would mean that storage forgets what it was told. */
const MOST_ROUNDS = 64;

/** Makes and removes keys until nothing is due. */
export async function rotateKeys(parts: RotationParts, now: Date): Promise<RotationReport> {
  return applyUntilDone(parts, now, (present) => dueActions(present, parts.policy, now));
}

/** Only looks: what a run would find and must not mend. */
export async function lookAtKeys(parts: RotationParts, now: Date): Promise<RotationReport> {
  return applyUntilDone(parts, now, () => []);
}

/** Makes the keys that rotation never makes, too: the first of their kind. */
export async function foundKeys(parts: RotationParts, now: Date): Promise<RotationReport> {
  return applyUntilDone(parts, now, (present) => [
    ...foundingActions(present, parts.policy, now),
    ...dueActions(present, parts.policy, now),
  ]);
}

async function applyUntilDone(
  parts: RotationParts,
  now: Date,
  due: (present: PresentKeys) => DueAction[],
): Promise<RotationReport> {
  const done: DueAction[] = [];
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { genuine, present } = await readKeys(parts, now);
    const [action] = due(present);
    if (!action) {
      return { done, ignored: genuine?.ignored ?? [], lost: lostKinds(present, now) };
    }
    if (await apply(action, genuine, parts)) done.push(action);
  }
  throw new Error('keys are still due after several rounds');
}

/** What is in the table, what of it is genuine, and what rotation works on. Throws where custody can't be asked. */
export async function readKeys(
  parts: RotationParts,
  now: Date,
): Promise<{
  readonly stored: StoredKeys;
  readonly genuine: GenuineKeys | undefined;
  readonly present: PresentKeys;
}> {
  const stored = await parts.store.list();
  const genuine = await openGenuineKeys(stored, parts, now);
  return { stored, genuine, present: presentOf(stored, genuine, now) };
}

/** Without a genuine data key nothing of what is there is known to be ours. */
export function presentOf(
  stored: StoredKeys,
  genuine: GenuineKeys | undefined,
  now: Date,
): PresentKeys {
  if (!genuine) return { keys: [], marks: [], taken: stored.taken };
  const over = genuine.orphans.filter(({ expires }) => expires * 1000 <= now.getTime());
  return {
    keys: [
      genuine.dataRow,
      ...(genuine.earlierRow ? [genuine.earlierRow] : []),
      ...genuine.keys,
      ...over,
    ],
    marks: genuine.marks,
    taken: stored.taken,
    ended: genuine.ended,
    stale: genuine.stale,
    staleMarks: genuine.staleMarks,
  };
}

/** Whether this run did it: another one may have been faster. */
export async function apply(
  action: DueAction,
  genuine: GenuineKeys | undefined,
  parts: RotationParts,
): Promise<boolean> {
  switch (action.kind) {
    case 'remove':
      await parts.store.remove(action.owner, action.sequence);
      return true;
    case 'mark':
      if (!genuine) return false;
      return parts.store.writeMark(markFor(genuine, action.owner, action.highest));
    case 'reseal': {
      const key = genuine?.stale.find((one) => isNumber(one, action));
      if (!genuine || !key) return false;
      const { secret, ...before } = key;
      return parts.store.replace(before, sealKey(genuine.dataKey, before, secret));
    }
    case 'create':
      return parts.store.insert(...(await make(action, genuine, parts)), action.ends);
  }
}

const isNumber = (one: KeyNumber, other: KeyNumber): boolean =>
  one.owner === other.owner && one.sequence === other.sequence;

async function make(
  creation: DueCreation,
  genuine: GenuineKeys | undefined,
  parts: RotationParts,
): Promise<[SealedKey, SealedMark | undefined]> {
  // Keys are made once in days: no start waits for it.
  const { makeDataKey, makeKey } = await import('./make-key.ts');
  if (creation.owner === 'data') return [await makeDataKey(creation, genuine, parts), undefined];
  if (!genuine) throw new Error('the data key comes first');
  const key = await makeKey(creation, genuine, parts);
  return [key, markFor(genuine, creation.owner, creation.sequence)];
}

/** In the place of the one that is there, genuine or not: another run that wrote it meanwhile wins. */
export function markFor(genuine: GenuineKeys, owner: KeyOwner, highest: number): SealedMark {
  return { ...sealMark(genuine.dataKey, { owner, highest }), etag: genuine.markTags.get(owner) };
}
