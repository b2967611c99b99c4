/** What an operator's will makes of a kind of key: pure functions, as rotation's own. */
import { latestChange } from './published-keys.ts';
import {
  creation,
  type DueCreation,
  endOf,
  type KeyKind,
  keysOfKind,
  type PresentKeys,
  secondsOf,
  takeover,
  usedKey,
} from './rotation.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import type { KeyDescription } from './signing-key.ts';

/**
 * A key's successor before it is due. A root's is certified by the one before, and an SSH authority's published before it signs like
 * any other; an issuing key signs at once, since an operator wants it now.
 */
export function earlySuccessor(
  kind: KeyKind,
  present: PresentKeys,
  policy: RotationPolicy,
  now: Date,
): DueCreation {
  const at = secondsOf(now);
  const created = afterAll(kind, present, policy, at);
  const made = { ...creation(kind, present, policy, at), created };
  if (kind.purpose === 'issuing') return { ...made, starts: at };
  const root =
    kind.purpose === 'root' ? usedKey(present.keys, kind.owner, kind.purpose, at) : undefined;
  if (!root) return made;
  // Before the old root's last issuing keys would have to be shorter than others.
  const starts = Math.max(at, Math.min(at + policy.rootPublication, root.expires - policy.issuing));
  return { ...made, starts, expires: starts + policy.root, crossedBy: root.sequence };
}

/**
 * A key in the place of all of its kind, which leaked: it signs at once, and they count for nothing from now on. Whoever
 * had one of them may have had the others, too: they were kept together.
 */
export function replacement(
  kind: KeyKind,
  present: PresentKeys,
  policy: RotationPolicy,
  now: Date,
): DueCreation {
  const at = secondsOf(now);
  return {
    ...creation(kind, present, policy, at),
    created: afterAll(kind, present, policy, at),
    starts: at,
    expires: endOf(kind.purpose, at, present.keys, policy),
    ...(kind.purpose === 'encrypt'
      ? takeover(kind, present, at + policy.leakedHandover, true)
      : { ends: keysOfKind(present.keys, kind).map(({ sequence }) => sequence) }),
  };
}

/** Now, or just after whatever a clock that is ahead may have seen already: the bundle's version has to grow for everybody. */
function afterAll(
  kind: KeyKind,
  { keys }: PresentKeys,
  policy: RotationPolicy,
  at: number,
): number {
  const latest = latestChange(keys, kind, policy, at + 2 * policy.skew);
  return PUBLISHED.includes(kind.purpose) ? Math.max(at, latest + 1) : at;
}

/** Purposes of keys that the trust bundle lists. */
const PUBLISHED: readonly KeyDescription['purpose'][] = ['root', 'sign'];
