/**
 * A broker's keys over many years, in one seed's order of events: timers that come late, twice, or stop between two writes;
 * clocks that differ; function instances that work with keys that they read long ago; relying parties that got their bundle
 * from any of them; rows that are lost, restored or planted. All decisions are the broker's own functions; only secrets are
 * left out. At every event it is checked what must always hold.
 */
import { isLeaving } from '../../shared/authority/published-keys.ts';
import { type KeyKind, keysOfKind, usedKey } from '../../shared/authority/rotation.ts';
import {
  ROTATION_POLICY,
  type RotationPolicy,
  retirement,
} from '../../shared/authority/rotation-policy.ts';
import type { KeyDescription } from '../../shared/authority/signing-key.ts';
import { earlySuccessor, replacement } from '../../shared/authority/successors.ts';
import { type Expect, type Figures, newFigures, watchTable } from './checks.ts';
import { createKeyTable } from './key-table.ts';
import { createRandom } from './random.ts';
import { createRelyingParties, SSH_OWNERS } from './relying-parties.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;
const START = 1_800_000_000;

/** The timer makes no root: the root lives longer than the simulation. */
export const POLICY: RotationPolicy = { ...ROTATION_POLICY, root: 1000 * YEAR };

/** How long the timer may be silent without stranding anybody. */
const LONGEST_SILENCE = 12 * DAY;
/** A lost row is put back, while instances go on with what they know. */
const LONGEST_REPAIR = 12 * HOUR;
const MOST_ROUNDS = 64;
/** How often a run dies before a write, and how often another one makes the same key. */
const CRASHES = 0.1;
const TWICE = 0.2;
/** What operators rotate, and how often because it leaked. */
const OPERATED: readonly KeyKind[] = [
  { owner: 'tls', purpose: 'root' },
  { owner: 'tls', purpose: 'issuing' },
  { owner: 'ssh-user', purpose: 'sign' },
  { owner: 'ssh-host', purpose: 'sign' },
  { owner: 'probe', purpose: 'authenticate' },
  { owner: 'data', purpose: 'encrypt' },
];
const LEAKS = 0.25;
const MOST_KEYS = 6;

interface Instance {
  readonly skew: number;
  keys: readonly KeyDescription[];
  readAt: number;
}

export function simulate(seed: number, years: number, policy: RotationPolicy = POLICY): Figures {
  const random = createRandom(seed);
  const figures = newFigures(years);
  let now = START;
  const expect: Expect = (holds, what) => {
    figures.checks += 1;
    if (!holds && figures.violations.length < 5)
      figures.violations.push(`seed ${seed}, second ${now - START}: ${what()}`);
  };
  const table = createKeyTable(policy);
  const watched = watchTable(expect, policy);
  const parties = createRelyingParties(expect, policy);
  /** Keys made since a run last got to its end: runs that die first leave what they would have removed. */
  let madeSinceEnd = 0;
  /** When the last row of a root or issuing key that was lost was there again, or is to be. */
  let tlsLostUntil = 0;
  const repairs: { readonly at: number; readonly key: KeyDescription }[] = [];
  const skew = (): number => Math.round(random.between(-policy.skew / 2, policy.skew / 2));
  const instances: Instance[] = [1, 2].map(() => ({ skew: skew(), keys: [], readAt: 0 }));

  /** Runs rotation until nothing is due, or until it dies between two writes. */
  function rotate(at: number, crashes: number): void {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const [action] = table.due(at);
      if (!action) {
        madeSinceEnd = 0;
        return;
      }
      if (random.chance(crashes)) {
        figures.crashes += 1;
        return;
      }
      if (action.kind === 'remove') parties.removing(action.owner, action.sequence, now);
      if (table.write(action) && action.kind === 'create') {
        figures.keys += 1;
        madeSinceEnd += 1;
      }
      // Another timer that read the same does the same: one of them wins.
      if (action.kind === 'create' && random.chance(TWICE))
        expect(!table.write(action), () => 'a key was made twice');
    }
    expect(false, () => `keys were still due after ${MOST_ROUNDS} rounds`);
  }

  const isBroken = (at: number): boolean => repairs.length > 0 || table.lost(at).length > 0;

  const isComplete = (keys: readonly KeyDescription[], at: number): boolean =>
    OPERATED.every(({ owner, purpose }) => usedKey(keys, owner, purpose, at) !== undefined);

  /** As the keyring does it: from memory for a while, anew otherwise; what rotation may make is made if it has to be. */
  function keysOf(instance: Instance): readonly KeyDescription[] | undefined {
    const at = now + instance.skew;
    const remembered =
      now - instance.readAt < policy.reloadLag && isComplete(instance.keys, at)
        ? instance.keys
        : undefined;
    if (remembered && random.chance(0.5)) return remembered;
    if (!isComplete(table.read(at), at)) rotate(at, 0);
    const read = table.read(at);
    if (!isComplete(read, at) || table.lost(at).length > 0) return remembered;
    instance.keys = read;
    instance.readAt = now;
    return read;
  }

  function issue(instance: Instance): void {
    const at = now + instance.skew;
    const keys = keysOf(instance);
    expect(keys !== undefined || isBroken(at), () => 'nothing signs');
    if (!keys) return;
    const signers = SSH_OWNERS.map((owner) => [owner, usedKey(keys, owner, 'sign', at)] as const);
    const issuing = usedKey(keys, 'tls', 'issuing', at);
    const ends = [issuing, ...signers.map(([, key]) => key)].map((key) => key?.expires ?? 0);
    const wanted = at + Math.round(random.between(60, policy.longestCertificate));
    const until = Math.min(wanted, ...ends);
    expect(until > at, () => 'a certificate would be over before it begins');
    for (const [owner, key] of signers) {
      if (!key) continue;
      figures.certificates += 1;
      const { sequence } = key;
      parties.issued({ owner, sequence, under: [sequence], until }, now);
    }
    const root =
      issuing &&
      keys.find(
        ({ purpose, sequence }) => purpose === 'root' && sequence === table.rootOf(issuing),
      );
    if (!issuing || !root) return;
    const { cross, ended = [] } = root;
    const travels = cross && !ended.some((one) => one.sequence === cross.by);
    const under = [root.sequence, ...(travels ? [cross.by] : [])];
    const { sequence, created, starts } = issuing;
    // One that an operator wants at once, or that takes the place of a lost one, signs before everybody has read its list. Nor is
    // there one while its root is lost.
    const publication = Math.min(policy.issuingPublication, retirement(policy));
    const isListed =
      publication > 0 &&
      starts - created >= publication &&
      starts <= at &&
      created > tlsLostUntil + policy.skew;
    parties.issued({ owner: 'tls', sequence, isListed, under, until }, now);
  }

  /** Every function instance is told before it works again. */
  function tellInstances(): void {
    for (const instance of instances) instance.keys = [];
  }

  /** What operators do: answer a leak, make a successor early, begin or end the succession of the root. */
  function operate(): void {
    const at = now + timerSkew;
    if (isBroken(at)) return;
    rotate(at, 0);
    const kind = random.pick(OPERATED);
    if (!kind) return;
    const present = table.present(at);
    const keys = keysOfKind(present.keys, kind).filter(({ expires }) => expires > at);
    if (random.chance(LEAKS)) {
      const action = replacement(kind, present, policy, new Date(at * 1000));
      const ends = action.ends ?? [];
      if (!table.write(action)) return;
      figures.leaks += 1;
      figures.keys += 1;
      madeSinceEnd += 1;
      parties.leaked(kind.owner, ends, !['issuing', 'encrypt'].includes(kind.purpose));
      tellInstances();
      // What a leaked data key encrypted may not be read for long: the operator is there until it is encrypted anew.
      rotate(at, kind.purpose === 'encrypt' ? 0 : CRASHES);
      if (kind.purpose === 'root') parties.pinned(action.sequence, now);
      return;
    }
    if (kind.purpose === 'root' && keys.length > 1) {
      if (!table.mayRetire(at)) return;
      // The relying party that reads no bundle gets the new root first.
      const [newest] = keys.toSorted((a, b) => b.sequence - a.sequence);
      if (newest) parties.pinned(newest.sequence, now);
      table.retire(at);
      figures.retired += 1;
      tellInstances();
      rotate(at, CRASHES);
      return;
    }
    if (keys.some(({ starts }) => starts > at) || keys.length >= MOST_KEYS) return;
    if (isLeaving(present.keys, kind, policy, at)) return;
    if (!table.write(earlySuccessor(kind, present, policy, new Date(at * 1000)))) return;
    figures.keys += 1;
    madeSinceEnd += 1;
    tellInstances();
  }

  function mishap(): void {
    figures.accidents += 1;
    const owner = random.pick(['tls', 'ssh-user', 'ssh-host', 'probe'] as const) ?? 'tls';
    const rows = table.read(now).filter((key) => key.owner === owner);
    const kind = random.next();
    if (kind < 0.3) table.plant(owner);
    else if (kind < 0.6) table.dropMark(owner);
    else {
      const key = rows.length === 1 || !owner.startsWith('ssh') ? random.pick(rows) : undefined;
      if (!key) return;
      table.drop(key);
      if (owner === 'tls') tlsLostUntil = now + LONGEST_REPAIR;
      // What rotation makes anew needs no repair; all else is put back as it was.
      if (key.purpose === 'sign' || key.purpose === 'root')
        repairs.push({ at: now + Math.round(random.between(0, LONGEST_REPAIR)), key });
    }
  }

  const timerSkew = skew();
  const often = (): number =>
    random.chance(0.3) ? random.between(60, HOUR) : random.between(HOUR, 4 * DAY);
  /** Everything that happens again and again: what it does, and when it comes next. */
  const actors: { next: number; readonly act: () => number }[] = [
    {
      next: START,
      act() {
        rotate(now + timerSkew, CRASHES);
        const silent = random.chance(0.02);
        return silent ? random.between(DAY, LONGEST_SILENCE) : random.between(HOUR, 2 * DAY);
      },
    },
    {
      next: START + 30 * DAY,
      act() {
        mishap();
        return random.between(10 * DAY, 200 * DAY);
      },
    },
    {
      next: START + 40 * DAY,
      act() {
        operate();
        return random.between(DAY, 120 * DAY);
      },
    },
    ...instances.map((instance) => ({
      next: START,
      act() {
        issue(instance);
        return often();
      },
    })),
    ...[1, 2].map((party) => ({
      next: START,
      act() {
        const instance = random.pick(instances);
        const keys = instance && keysOf(instance);
        if (keys) parties.fetched(party, keys, now + instance.skew, now);
        return often();
      },
    })),
  ];

  table.found(now + timerSkew);
  rotate(now + timerSkew, 0);
  parties.pinned(usedKey(table.read(now), 'tls', 'root', now + timerSkew)?.sequence ?? 0, now);
  const end = START + years * YEAR;
  while (true) {
    now = Math.min(...actors.map(({ next }) => next), ...repairs.map(({ at }) => at));
    if (now >= end) break;
    figures.events += 1;
    for (const repair of repairs.splice(0)) {
      if (repair.at <= now) table.restore(repair.key);
      else repairs.push(repair);
    }
    for (const actor of actors)
      if (actor.next <= now) actor.next = now + Math.max(1, Math.round(actor.act()));
    const rows = table.read(now);
    figures.mostRows = Math.max(figures.mostRows, rows.length);
    watched.size(rows, madeSinceEnd);
    if (!isBroken(now)) watched.bundle(rows, now);
  }
  expect(table.reused() === 0, () => `${table.reused()} numbers were used twice`);
  return figures;
}
