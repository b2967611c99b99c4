/** Which keys are due: a pure function of the keys that exist, the policy and the time. Applying it is not its work. */
import type { KeyDescription, KeyOwner, KeyPurpose } from './signing-key.ts';

export interface RotationPolicy {
  readonly rootSeconds: number;
  readonly issuingSeconds: number;
  /** Age at which an issuing key gets its successor. */
  readonly issuingRenewalSeconds: number;
  readonly probeSeconds: number;
  readonly probeRenewalSeconds: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

export const ROTATION_POLICY: RotationPolicy = {
  rootSeconds: 10 * 365 * DAY,
  issuingSeconds: 14 * DAY,
  issuingRenewalSeconds: 7 * DAY,
  probeSeconds: 2 * DAY,
  probeRenewalSeconds: DAY,
};

export type RotationAction =
  /** A row that does not authenticate: it is left where it is, for the operator to look at. */
  | { readonly kind: 'ignore'; readonly owner: KeyOwner; readonly sequence: number }
  | {
      readonly kind: 'create';
      readonly owner: KeyOwner;
      readonly purpose: KeyPurpose;
      readonly sequence: number;
    }
  | { readonly kind: 'remove'; readonly owner: KeyOwner; readonly sequence: number };

/** Every kind of key that must exist, in the order in which they need each other. */
const NEEDED: readonly { readonly owner: KeyOwner; readonly purpose: KeyPurpose }[] = [
  { owner: 'data', purpose: 'encrypt' },
  { owner: 'probe', purpose: 'authenticate' },
  { owner: 'tls', purpose: 'root' },
  { owner: 'tls', purpose: 'issuing' },
  { owner: 'ssh-user', purpose: 'sign' },
  { owner: 'ssh-host', purpose: 'sign' },
];

/**
 * The actions due now, by the keys that are ours; `taken` has every row that is there. At most one key of an owner is made at a time, with the next sequence number, so that timers
 * that run at once try to insert the same row, and one of them wins.
 */
export function dueActions(
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  now: Date,
  taken: readonly KeyDescription[] = keys,
): RotationAction[] {
  const at = Math.floor(now.getTime() / 1000);
  const removals = keys
    .filter(({ expires }) => expires <= at)
    .map(({ owner, sequence }): RotationAction => ({ kind: 'remove', owner, sequence }));
  const creations: RotationAction[] = [];
  for (const { owner, purpose } of NEEDED) {
    const newest = newestKey(keys, owner, purpose);
    if (newest && newest.expires > at && !isAgeing(newest, policy, at)) continue;
    if (creations.some((action) => action.owner === owner)) continue;
    creations.push({ kind: 'create', owner, purpose, sequence: nextSequence(keys, taken, owner) });
  }
  return [...creations, ...removals];
}

/** The newest key of its kind: the one that signs. */
export const newestKey = <K extends KeyDescription>(
  keys: readonly K[],
  owner: KeyOwner,
  purpose: KeyPurpose,
): K | undefined =>
  keys
    .filter((key) => key.owner === owner && key.purpose === purpose)
    .toSorted((a, b) => b.sequence - a.sequence)[0];

function isAgeing(
  { purpose, created }: KeyDescription,
  policy: RotationPolicy,
  at: number,
): boolean {
  if (purpose === 'issuing') return at - created >= policy.issuingRenewalSeconds;
  return purpose === 'authenticate' && at - created >= policy.probeRenewalSeconds;
}

/** The first free number after our own: rows that somebody else put there are stepped over, however large they count. */
function nextSequence(
  keys: readonly KeyDescription[],
  taken: readonly KeyDescription[],
  owner: KeyOwner,
): number {
  const sequencesOf = (of: readonly KeyDescription[]): number[] =>
    of.filter((key) => key.owner === owner).map(({ sequence }) => sequence);
  const others = new Set(sequencesOf(taken));
  let next = 1 + Math.max(0, ...sequencesOf(keys));
  while (others.has(next)) next += 1;
  return next;
}
