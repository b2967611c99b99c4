/**
 * The explicit first act: an operator makes the first keys. Everybody outside has to learn of them, so rotation never makes
 * them, and this does not make them twice: not while custody remembers a root, nor in the place of one that is lost, unless
 * the operator names what is given up (rule 18).
 */
import { setTimeout } from 'node:timers/promises';
import { Refusal } from '../refusal.ts';
import type { RememberedRoot } from './custody.ts';
import type { GenuineKeys } from './genuine-keys.ts';
import type { StoredKeys } from './key-store.ts';
import { makeDataKey } from './make-key.ts';
import { isEmpty, otherCluster, sayMissing } from './missing-authority.ts';
import { foundKeys, markFor, type RotationParts, type RotationReport, readKeys } from './rotate.ts';
import { foundingActions, type KeyKind, lostKinds } from './rotation.ts';
import { caPin } from './trust-bundle.ts';

export interface InitWish {
  /** Goes on with an init that was begun and not finished. */
  readonly resume: boolean;
  /** What relying parties will have to replace by hand: the CA pin of a root, or the name of an SSH authority. */
  readonly giveUp: readonly string[];
}

/** Throws `already_exists` with what has to be said instead, or `try_again` where another init is under way. */
export async function initAuthorities(
  parts: RotationParts,
  wish: InitWish,
  now: Date,
  settleMs = SETTLE_MS,
): Promise<RotationReport> {
  const remembered = await parts.custody.rememberedRoot();
  if (remembered && remembered.cluster !== parts.cluster)
    throw refused(otherCluster(remembered, parts.cluster));
  const { stored, genuine, present } = await readKeys(parts, now);
  const lost = lostKinds(present, now);
  if (!genuine && !remembered && !isEmpty(stored))
    throw refused(sayMissing({ stored, lost, remembered, cluster: parts.cluster }));
  if (lost.length === 0) throw refused('there is an authority already: joinctl auth status');
  const [first] = foundingActions(present, parts.policy, now);
  if (!first)
    throw refused(
      'a root is lost beside its successor: restore it, or end it with joinctl auth retire',
    );
  checkWish(wish, lost, { stored, genuine, remembered });

  // The data key's row reserves the act: of several inits at once, one goes on, and one root is made.
  if (first.owner !== 'data') {
    if (genuine && lost.some(({ purpose }) => purpose === 'root'))
      await reserveRoot(genuine, parts, settleMs);
    return foundKeys(parts, now);
  }
  if (!(await parts.store.insert(await makeDataKey(first, undefined, parts)))) throw underWay();
  const report = await foundKeys(parts, now);
  return { ...report, done: [first, ...report.done] };
}

/**
 * Of several that go on at once with what was begun, the last one makes the root: each writes the mark of its numbers anew, waits
 * until the others must have done so, and has to find its own. Who comes later still finds the root in custody, and takes it.
 */
async function reserveRoot(
  genuine: GenuineKeys,
  { store }: RotationParts,
  settleMs: number,
): Promise<void> {
  const ofRoots = genuine.keys.filter(({ owner }) => owner === 'tls');
  const marks = genuine.marks.filter(({ owner }) => owner === 'tls');
  const highest = Math.max(
    0,
    ...ofRoots.map(({ sequence }) => sequence),
    ...marks.map((mark) => mark.highest),
  );
  const ours = markFor(genuine, 'tls', highest);
  if (!(await store.writeMark(ours))) throw underWay();
  await setTimeout(settleMs);
  const there = (await store.list()).marks.find(({ owner }) => owner === 'tls');
  if (!there || !Buffer.from(there.sealed).equals(ours.sealed)) throw underWay();
}

/** Longer than it takes to read the keys and to write a mark. */
const SETTLE_MS = 1500;

const underWay = (): Refusal =>
  new Refusal('try_again', 'another init is under way: see joinctl auth status');

interface Found {
  readonly stored: StoredKeys;
  readonly genuine: GenuineKeys | undefined;
  readonly remembered: RememberedRoot | undefined;
}

function checkWish(wish: InitWish, lost: readonly KeyKind[], found: Found): void {
  const named = new Set(wish.giveUp);
  const given = lost.flatMap((kind) => givenUp(kind, found));
  if (given.length !== named.size || !given.every((name) => named.has(name))) {
    throw refused(
      given.length > 0
        ? `keys were lost, and new ones are made only in the place of those that are named: give up ${given.join(' and ')}; every relying party has to learn of the new ones by hand. Restore the table instead, if there is a copy`
        : 'nothing has to be given up: leave it out',
    );
  }
  const begun = given.length === 0 && !isEmpty(found.stored);
  if (begun && !wish.resume)
    throw refused('an init was begun and not finished: say that it is to be resumed');
  if (!begun && wish.resume) throw refused('there is no init to resume: leave it out');
}

/** What somebody outside knows of the lost keys of this kind; nothing where there never was one. */
function givenUp({ owner }: KeyKind, found: Found): string[] {
  const { remembered } = found;
  const root = remembered ? [caPin(remembered.publicKeyInfo)] : [];
  switch (owner) {
    case 'data':
      return root;
    case 'tls':
      // Custody makes the key before its row is written: without a number that was used, it was never published.
      return wasUsed(owner, found) ? root : [];
    default:
      return wasUsed(owner, found) ? [owner] : [];
  }
}

/** A genuine mark of 0 only says that an init has begun. */
function wasUsed(owner: string, { stored, genuine }: Found): boolean {
  const isUnused = genuine?.marks.some((mark) => mark.owner === owner && mark.highest === 0);
  const rows = isUnused ? stored.taken : [...stored.taken, ...stored.marks];
  return rows.some((row) => row.owner === owner);
}

const refused = (message: string): Refusal => new Refusal('already_exists', message);
