/** Which keys are due: a pure function of the keys that exist, the policy and the time. Applying it is not its work. */
import { type RotationPolicy, retirement, sshLife } from './rotation-policy.ts';
import {
  type EndedKey,
  type KeyDescription,
  type KeyOwner,
  type KeyPurpose,
  NEVER,
  type NumberMark,
  type TakenOver,
} from './signing-key.ts';

/** What is in the `keys` table. */
export interface PresentKeys {
  /** Genuine ones, issuing keys without their root not among them. */
  readonly keys: readonly KeyDescription[];
  /** Genuine ones. */
  readonly marks: readonly NumberMark[];
  /** Every row that is there, whoever wrote it. */
  readonly taken: readonly KeyNumber[];
  /** Genuine ones that a successor put an end to. */
  readonly ended?: readonly KeyNumber[];
  /** Keys, and owners of marks, that are still encrypted under an earlier data key. */
  readonly stale?: readonly KeyNumber[];
  readonly staleMarks?: readonly KeyOwner[];
}

export type KeyNumber = Pick<KeyDescription, 'owner' | 'sequence'>;
export type KeyKind = Pick<KeyDescription, 'owner' | 'purpose'>;

export type KeyCreation = Pick<
  KeyDescription,
  'owner' | 'purpose' | 'sequence' | 'created' | 'starts' | 'expires'
>;

/** A key to make. */
export type DueCreation = {
  readonly kind: 'create';
  /** Numbers of the keys that it puts an end to. */
  readonly ends?: readonly number[];
  /** Number of the root that certifies it, of a root that is made beside it. */
  readonly crossedBy?: number;
  /** Of a data key: the one before it, and until when that one may be used to read. */
  readonly takesOver?: Pick<TakenOver, 'from' | 'until'> & { readonly leaked: boolean };
} & KeyCreation;

export type DueAction =
  | DueCreation
  /** The mark of an owner's numbers is missing, or too low. */
  | ({ readonly kind: 'mark' } & NumberMark)
  /** A key is to be encrypted under the newest data key. */
  | ({ readonly kind: 'reseal' } & KeyNumber)
  | { readonly kind: 'remove'; readonly owner: KeyOwner; readonly sequence: number };

/** Kinds of keys of which the first one is made by an operator: everybody has to learn of a new one. */
const FOUNDED: readonly KeyKind[] = [
  { owner: 'data', purpose: 'encrypt' },
  { owner: 'tls', purpose: 'root' },
  { owner: 'ssh-user', purpose: 'sign' },
  { owner: 'ssh-host', purpose: 'sign' },
];

/** Kinds of which a new one is as good as any: nobody outside knows them. */
const FREE: readonly KeyKind[] = [
  { owner: 'probe', purpose: 'authenticate' },
  { owner: 'tls', purpose: 'issuing' },
];

/**
 * Kinds of keys that must exist and don't. Rotation never makes them: it would be a new authority (rule 18). Without the data key
 * nobody can say what else there is.
 */
export function lostKinds({ keys }: Pick<PresentKeys, 'keys'>, now: Date): KeyKind[] {
  const lost = FOUNDED.filter(({ owner, purpose }) => {
    if (purpose !== 'root') return !newestKey(keys, owner, purpose);
    return !usedKey(keys, owner, purpose, secondsOf(now)) || keys.some(lacksPredecessor(keys));
  });
  return lost[0]?.owner === 'data' ? lost.slice(0, 1) : lost;
}

/** A root that relying parties still know is not there, though nobody said that it retires. */
const lacksPredecessor =
  (keys: readonly KeyDescription[]) =>
  ({ owner, cross, ended = [] }: KeyDescription): boolean =>
    cross !== undefined &&
    !ended.some(({ sequence }) => sequence === cross.by) &&
    !keys.some((key) => key.owner === owner && key.sequence === cross.by);

/** The first keys, in the order in which they need each other. In the place of a lost one beside its successor none is made. */
export const foundingActions = (
  present: PresentKeys,
  policy: RotationPolicy,
  now: Date,
): DueCreation[] =>
  lostKinds(present, now)
    .filter(
      ({ owner, purpose }) =>
        purpose !== 'root' || !usedKey(present.keys, owner, purpose, secondsOf(now)),
    )
    .map((kind) => creation(kind, present, policy, secondsOf(now)));

/**
 * The actions due now. At most one key of an owner is made at a time, with the next number, so that timers that run at
 * once try to insert the same row, and one of them wins.
 */
export function dueActions(present: PresentKeys, policy: RotationPolicy, now: Date): DueAction[] {
  const at = secondsOf(now);
  const { keys } = present;
  if (!newestKey(keys, 'data', 'encrypt')) return [];
  const { ended = [], stale = [], staleMarks = [] } = present;
  const isResealed = stale.length + staleMarks.length === 0;
  const removals = [
    ...ended,
    ...keys.filter((key) => isOver(key, keys, policy, at)),
    ...(isResealed ? earlierDataKeys(keys) : []),
  ].map(({ owner, sequence }): DueAction => ({ kind: 'remove', owner, sequence }));
  const hasRoot = keys.some(({ purpose, expires }) => purpose === 'root' && expires > at);
  const reseals = stale.map(
    ({ owner, sequence }): DueAction => ({ kind: 'reseal', owner, sequence }),
  );
  const creations = [...FOUNDED, ...FREE]
    .filter((kind) => isDue(kind, keys, policy, at))
    .filter(({ purpose }) => purpose !== 'issuing' || hasRoot)
    .map((kind) => creation(kind, present, policy, at));
  return [...reseals, ...dueMarks(present), ...creations, ...removals];
}

/** What the newest data key took over from. */
const earlierDataKeys = (keys: readonly KeyDescription[]): KeyDescription[] => {
  const newest = newestKey(keys, 'data', 'encrypt');
  return keys.filter(
    ({ purpose, sequence }) => purpose === 'encrypt' && sequence !== newest?.sequence,
  );
};

export const keysOfKind = <K extends KeyDescription>(
  keys: readonly K[],
  { owner, purpose }: KeyKind,
): K[] => keys.filter((key) => key.owner === owner && key.purpose === purpose);

/** The newest key of its kind, used or not yet. */
export function newestKey<K extends KeyDescription>(
  keys: readonly K[],
  owner: KeyOwner,
  purpose: KeyPurpose,
): K | undefined {
  let newest: K | undefined;
  for (const key of keys)
    if (key.owner === owner && key.purpose === purpose && key.sequence > (newest?.sequence ?? 0))
      newest = key;
  return newest;
}

/**
 * The key that signs: the newest of its kind that has started and is not over. Where none has, the next one signs early:
 * it is ours, and published.
 */
export function usedKey<K extends KeyDescription>(
  keys: readonly K[],
  owner: KeyOwner,
  purpose: KeyPurpose,
  at: number,
): K | undefined {
  const alive = keysOfKind(keys, { owner, purpose }).filter(({ expires }) => at < expires);
  const started = alive.filter(({ starts }) => starts <= at);
  return started.length > 0
    ? newestKey(started, owner, purpose)
    : alive.toSorted((a, b) => a.starts - b.starts)[0];
}

/** When the key has nothing left to verify, because its successor has signed for long enough; `Infinity` without one. */
export const supersededAt = (
  { owner, purpose, sequence }: KeyDescription,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
): number =>
  Math.min(
    ...keysOfKind(keys, { owner, purpose })
      .filter((key) => key.sequence > sequence)
      .map(({ starts }) => starts + retirement(policy)),
  );

export const secondsOf = (now: Date): number => Math.floor(now.getTime() / 1000);

/**
 * Whether a key's row is removed. An SSH authority's stays until its successor has proved itself, even if its own end comes first:
 * it says who it succeeds.
 */
export function isOver(
  key: KeyDescription,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  at: number,
): boolean {
  if (key.purpose === 'sign') return supersededAt(key, keys, policy) <= at;
  return key.purpose !== 'root' && key.expires <= at;
}

function isDue(
  { owner, purpose }: KeyKind,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  at: number,
): boolean {
  const newest = newestKey(keys, owner, purpose);
  if (!newest) return FREE.some((kind) => kind.purpose === purpose);
  return (successorDue(newest, keys, policy) ?? Number.POSITIVE_INFINITY) <= at;
}

/**
 * Unix seconds at which rotation makes a key's successor; `undefined` where there is one, or rotation never makes any. An
 * SSH authority's is early enough to be published before it signs; earlier where the key was made for a shorter life than
 * the policy's of today.
 */
export function successorDue(
  key: KeyDescription,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
): number | undefined {
  if (newestKey(keys, key.owner, key.purpose)?.sequence !== key.sequence) return undefined;
  switch (key.purpose) {
    case 'sign': {
      const signsUntil = Math.min(key.starts + policy.sshSigning, key.expires - retirement(policy));
      return signsUntil - policy.sshPublication;
    }
    case 'issuing':
      return Math.min(key.created + policy.issuingRenewal, key.expires);
    case 'authenticate':
      return Math.min(key.created + policy.probeRenewal, key.expires);
    case 'encrypt':
      // One at a time: what the one before it encrypted has to be encrypted anew first.
      return earlierDataKeys(keys).length > 0 ? undefined : key.created + policy.dataRenewal;
    case 'root':
      return undefined;
  }
}

/** The key of this kind that is made next. */
export function creation(
  kind: KeyKind,
  present: PresentKeys,
  policy: RotationPolicy,
  at: number,
): DueCreation {
  const starts = startOf(kind, present.keys, policy, at);
  return {
    kind: 'create',
    owner: kind.owner,
    purpose: kind.purpose,
    sequence: nextSequence(present, kind.owner),
    created: at,
    starts,
    // An issuing key's life has its publication in it.
    expires: endOf(kind.purpose, kind.purpose === 'issuing' ? at : starts, present.keys, policy),
    ...takeover(kind, present, at + policy.dataHandover),
  };
}

/** A data key takes over from the one that there is. */
export function takeover(
  { purpose }: KeyKind,
  { keys }: PresentKeys,
  until: number,
  leaked = false,
): Pick<DueCreation, 'takesOver'> {
  const before = purpose === 'encrypt' ? newestKey(keys, 'data', 'encrypt') : undefined;
  return before ? { takesOver: { from: before.sequence, until, leaked } } : {};
}

/** So many SSH authorities that leaked are remembered, the latest: a row has to hold them. */
const MOST_ENDED = 16;
/** Purposes of keys that say what those before them have ended. */
const KEEP_ENDED: readonly KeyPurpose[] = ['root', 'sign'];

/**
 * What a key puts an end to, with what those have ended that it ends, or that were roots or SSH authorities before it: the
 * rows of those that said so may go before the others are over. For a server that was set up by hand an SSH authority has no
 * end.
 */
export function withEarlierEnds(
  { owner, purpose, ends = [] }: DueCreation,
  keys: readonly KeyDescription[],
  ended: readonly EndedKey[],
): EndedKey[] {
  const before = keysOfKind(keys, { owner, purpose })
    .filter(({ sequence }) => KEEP_ENDED.includes(purpose) || ends.includes(sequence))
    .flatMap((key) => key.ended ?? []);
  // Two keys may say the same of a third.
  const all = [...new Map([...before, ...ended].map((one) => [one.sequence, one])).values()];
  return all
    .toSorted((a, b) => a.sequence - b.sequence)
    .slice(purpose === 'sign' ? -MOST_ENDED : 0);
}

/** After its publication, but before its predecessor would have to shorten certificates; at once where none signs any more. */
function startOf(
  { owner, purpose }: KeyKind,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
  at: number,
): number {
  const publication = publicationOf(purpose, policy);
  const predecessor = publication > 0 && usedKey(keys, owner, purpose, at);
  if (!predecessor) return at;
  return Math.max(at, Math.min(at + publication, predecessor.expires - retirement(policy)));
}

/** How long relying parties hear of a key before it signs: SSH authorities from the trust bundle, issuing keys from the lists. */
function publicationOf(purpose: KeyPurpose, policy: RotationPolicy): number {
  if (purpose === 'sign') return policy.sshPublication;
  return purpose === 'issuing' ? policy.issuingPublication : 0;
}

export function endOf(
  purpose: KeyPurpose,
  starts: number,
  keys: readonly KeyDescription[],
  policy: RotationPolicy,
): number {
  switch (purpose) {
    case 'root':
      return starts + policy.root;
    case 'issuing':
      return Math.min(
        starts + policy.issuing,
        usedKey(keys, 'tls', 'root', starts)?.expires ?? NEVER,
      );
    case 'sign':
      return starts + sshLife(policy);
    case 'authenticate':
      return starts + policy.probe;
    case 'encrypt':
      return NEVER;
  }
}

const sequencesOf = (keys: readonly KeyNumber[], owner: KeyOwner): number[] =>
  keys.filter((key) => key.owner === owner).map(({ sequence }) => sequence);

const markOf = ({ marks }: PresentKeys, owner: KeyOwner): number =>
  Math.max(0, ...marks.filter((mark) => mark.owner === owner).map(({ highest }) => highest));

/** The data key has no mark: nothing of its own could authenticate it. */
const dueMarks = (present: PresentKeys): DueAction[] =>
  (['tls', 'ssh-user', 'ssh-host', 'probe'] as const).flatMap((owner): DueAction[] => {
    const known = markOf(present, owner);
    const highest = Math.max(known, ...sequencesOf(present.keys, owner));
    const isDue = highest > known || present.staleMarks?.includes(owner);
    return isDue ? [{ kind: 'mark', owner, highest }] : [];
  });

/** The first number that none of ours has had: rows that somebody else put there are stepped over, however large they count. */
function nextSequence(present: PresentKeys, owner: KeyOwner): number {
  const others = new Set(sequencesOf(present.taken, owner));
  let next = 1 + Math.max(markOf(present, owner), ...sequencesOf(present.keys, owner));
  while (others.has(next)) next += 1;
  return next;
}
