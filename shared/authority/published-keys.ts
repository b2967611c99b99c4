/**
 * Which public keys the trust bundle lists, and its version: pure functions of the keys' authenticated times, so that all
 * function instances and all moments agree. A key's states are read off them:
 * upcoming (published, not signing yet) → signing → retiring (its successor signs) → gone.
 */
import { type KeyKind, keysOfKind, supersededAt, usedKey } from './rotation.ts';
import { type RotationPolicy, retirement } from './rotation-policy.ts';
import { answersLeak, type KeyDescription, type KeyOwner, type KeyPurpose } from './signing-key.ts';

export type KeyState = 'upcoming' | 'signing' | 'retiring' | 'gone';

/** Kinds that the trust bundle lists. */
const PUBLISHED: readonly (readonly [KeyOwner, KeyPurpose])[] = [
  ['tls', 'root'],
  ['ssh-user', 'sign'],
  ['ssh-host', 'sign'],
];

export function stateOf(
  key: KeyDescription,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  at: number,
): KeyState {
  if (endOf(key, keys, policy) <= at) return 'gone';
  const used = usedKey(keys, key.owner, key.purpose, at);
  if (used?.sequence === key.sequence) return 'signing';
  return key.starts > at ? 'upcoming' : 'retiring';
}

/** The keys of one kind that are in the bundle. */
export const publishedKeys = <K extends KeyDescription>(
  keys: readonly K[],
  owner: KeyOwner,
  purpose: KeyPurpose,
  policy: RotationPolicy,
  at: number,
): K[] => keysOfKind(keys, { owner, purpose }).filter((key) => endOf(key, keys, policy) > at);

/**
 * Grows whenever a key comes into the bundle or leaves it, and never falls: for each kind the time of its latest change,
 * all added up, so that two kinds that change in the same second count twice. A key that has left had a successor, whose
 * row tells when, so the sum needs no memory of rows that are gone.
 */
export const publishedVersion = (
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  at: number,
): number =>
  PUBLISHED.map(([owner, purpose]) => latestChange(keys, { owner, purpose }, policy, at)).reduce(
    (sum, change) => sum + change,
    0,
  );

/** Unix seconds of the latest change of what the bundle lists of a kind. */
export function latestChange(
  keys: readonly KeyDescription[],
  kind: KeyKind,
  policy: RotationPolicy,
  at: number,
): number {
  const ours = keysOfKind(keys, kind);
  const oldest = Math.min(...ours.map(({ sequence }) => sequence));
  let latest = 0;
  for (const key of ours) {
    // A row that is there, or is not there any more, is a change that has happened, even if a clock that was ahead made it.
    latest = Math.max(latest, key.created);
    for (const ended of key.ended ?? []) latest = Math.max(latest, ended.at);
    const leaving = drivenOut(key, policy);
    if (leaving <= at + (key.sequence === oldest ? policy.skew : 0))
      latest = Math.max(latest, leaving);
    const end = endOf(key, ours, policy);
    if (end <= at) latest = Math.max(latest, end);
  }
  return latest;
}

/** When anything of this will be different, without any row changing; `Infinity` for never. */
export const nextChange = (
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  at: number,
): number =>
  Math.min(
    ...keys
      .flatMap((key) => {
        const leaving = drivenOut(key, policy);
        return [key.starts, leaving - policy.skew, leaving, key.expires];
      })
      .filter((change) => change > at),
  );

/**
 * Whether a key of this kind is about to leave the bundle, and has left it by a clock that is ahead. A successor that is made
 * meanwhile has no time that counts as a change for everybody.
 */
export const isLeaving = (
  keys: readonly KeyDescription[],
  { owner, purpose }: KeyKind,
  policy: RotationPolicy,
  at: number,
): boolean =>
  PUBLISHED.some((one) => one[0] === owner && one[1] === purpose) &&
  keysOfKind(keys, { owner, purpose })
    .map((key) => endOf(key, keys, policy))
    .some((end) => end > at && end <= at + 2 * policy.skew);

/** When a key leaves the bundle: at its own end, or when its successor has signed for long enough. */
const endOf = (
  key: KeyDescription,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
): number =>
  key.purpose === 'sign' ? Math.min(key.expires, supersededAt(key, keys, policy)) : key.expires;

/** When a key's predecessors leave the bundle: those that it put an end to at once. The root drives out nobody else. */
const drivenOut = (key: KeyDescription, policy: RotationPolicy): number => {
  const atOnce = key.purpose !== 'sign' || answersLeak(key);
  return atOnce ? key.created : key.starts + retirement(policy);
};
