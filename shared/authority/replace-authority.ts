/**
 * An operator's will about one kind of key: a successor before it is due, or a new key at once in the place of all that
 * there are, because they leaked.
 */
import type { RotatedAuthority } from '../protocol/authorities.ts';
import { Refusal, unavailable } from '../refusal.ts';
import { kindName } from './missing-authority.ts';
import { isLeaving } from './published-keys.ts';
import { apply, type RotationParts, type RotationReport, readKeys, rotateKeys } from './rotate.ts';
import { type DueAction, type KeyKind, keysOfKind } from './rotation.ts';
import type { KeyDescription, KeyOwner } from './signing-key.ts';
import { earlySuccessor, replacement } from './successors.ts';

export interface RotationWish {
  /** The keys leaked: none of them counts from now on. */
  readonly leaked: boolean;
  /** Numbers of the keys that the operator saw: of two operators, or of a request that is sent again, one is carried out. */
  readonly numbers: readonly number[];
}

const KINDS: Readonly<Record<RotatedAuthority, KeyKind>> = {
  tls: { owner: 'tls', purpose: 'root' },
  issuing: { owner: 'tls', purpose: 'issuing' },
  'ssh-user': { owner: 'ssh-user', purpose: 'sign' },
  'ssh-host': { owner: 'ssh-host', purpose: 'sign' },
  probe: { owner: 'probe', purpose: 'authenticate' },
  data: { owner: 'data', purpose: 'encrypt' },
};

/** Whoever has the data key, and could read the table, has these. A root's key is custody's. */
const UNDER_DATA: readonly KeyKind[] = [
  KINDS.issuing,
  KINDS['ssh-user'],
  KINDS['ssh-host'],
  KINDS.probe,
];

/** Each live one is listed in the trust bundle or travels with certificates; nobody needs more. */
const MOST_KEYS = 6;

/**
 * Makes the key, and what follows from it. Throws `precondition_failed` where the keys are not those that the operator saw,
 * `already_exists` or `in_use` where a successor would be one too many, `unavailable` where keys of the kind are lost.
 */
export async function replaceAuthority(
  parts: RotationParts,
  name: RotatedAuthority,
  { leaked, numbers }: RotationWish,
  now: Date,
): Promise<RotationReport> {
  const kind = KINDS[name];
  // What the timer has due comes first: marks, above all.
  const before = await rotateKeys(parts, now);
  const isUnder = (owner: KeyOwner): boolean =>
    owner === 'data' || owner === kind.owner || (leaked && name === 'data');
  const lost = before.lost.filter(({ owner }) => isUnder(owner));
  if (lost.length > 0)
    throw unavailable(
      `keys are missing, and have to be restored first: ${lost.map(kindName).join(', ')} (runbook, "Lost keys")`,
    );
  const { genuine, present } = await readKeys(parts, now);
  const alive = keysOfKind(present.keys, kind).filter(
    ({ expires }) => expires * 1000 > now.getTime(),
  );
  checkSeen(name, alive, numbers);
  if (!leaked) checkSuccessor(name, alive, now);
  if (!leaked && isLeaving(present.keys, kind, parts.policy, now.getTime() / 1000))
    throw new Refusal('try_again', `a key of ${name} leaves the trust bundle just now: try again`, {
      retryAfter: 3 * parts.policy.skew,
    });

  const make = leaked ? replacement : earlySuccessor;
  const action = make(kind, present, parts.policy, now);
  if (!(await apply(action, genuine, parts))) throw underWay();
  const done: DueAction[] = [...before.done, action];
  if (leaked && name === 'data')
    for (const under of UNDER_DATA) done.push(...(await replaceLeaked(parts, under, now)));
  const after = await rotateKeys(parts, now);
  return { ...after, done: [...done, ...after.done] };
}

/** Whatever keys of the kind there are: they leaked with the key that they were encrypted under. */
async function replaceLeaked(
  parts: RotationParts,
  kind: KeyKind,
  now: Date,
): Promise<readonly DueAction[]> {
  const { done } = await rotateKeys(parts, now);
  const { genuine, present } = await readKeys(parts, now);
  const action = replacement(kind, present, parts.policy, now);
  if (!(await apply(action, genuine, parts))) throw underWay();
  return [...done, action];
}

const underWay = (): Refusal => new Refusal('try_again', 'another change of the keys is under way');

/** Throws `precondition_failed` unless these are the keys that are there. */
export function checkSeen(
  name: string,
  keys: readonly KeyDescription[],
  numbers: readonly number[],
): void {
  if (keys.length !== numbers.length || !keys.every(({ sequence }) => numbers.includes(sequence)))
    throw new Refusal(
      'precondition_failed',
      `the keys of ${name} are other ones than were named: see joinctl auth status`,
    );
}

function checkSuccessor(name: RotatedAuthority, alive: readonly KeyDescription[], now: Date): void {
  const upcoming = alive.find(({ starts }) => starts * 1000 > now.getTime());
  if (upcoming)
    throw new Refusal(
      'already_exists',
      `${name} has a successor already, number ${upcoming.sequence}: see joinctl auth status`,
    );
  if (name === 'tls' && alive.length > 1)
    throw new Refusal('in_use', 'the root before is still published: retire it first');
  if (alive.length >= MOST_KEYS)
    throw new Refusal(
      'in_use',
      `${name} has ${alive.length} keys, of which certificates may live: wait until one is over`,
    );
}
