/**
 * Which states are possible after an answer. There may be several: a function instance may not know a change of the last
 * five seconds yet, a lost answer hides whether its write was done, and requests that race may count in any order. None
 * possible is a violation.
 */
import { afterClaim, afterVerdict } from './consequences.ts';
import { judge, type Rules, type Sent, type State, sameTarget, type Verdict } from './reference.ts';

/** How long a change may take to be noticed by every function instance (design, "Caches"). */
const SNAPSHOT_SECONDS = 5;
/** For how long a machine that was verified is remembered (design, "Binding the document to the token"). */
const BOUND_SECONDS = 6 * 3600;

/** The state, and what it takes to say what a function instance may know of it. */
export interface World {
  readonly state: State;
  /** Every version of the rules, the newest last. */
  readonly versions: readonly Version[];
  /** The oldest version that a function instance may still go by: it never forgets a change that it has seen. */
  readonly seen: Readonly<Record<number, number>>;
  /** The `vmId` that each resource id has now. */
  readonly machines: Readonly<Record<string, string>>;
  /** When a machine was last verified, by its `vmId`. */
  readonly bound: Readonly<Record<string, number>>;
}

interface Version {
  readonly rules: Rules;
  readonly since: number;
}

/** An answer to a join, as its sender and the operator see it. */
export interface Observed {
  readonly status: number;
  readonly code?: string;
  /** From the audit line. */
  readonly reason?: string;
  readonly id?: string;
  readonly generation?: number;
  readonly ends?: number;
}

/** What may be an excuse: faults of storage, and others at the same time. */
export interface Circumstances {
  readonly faulty: boolean;
  readonly racing: readonly Rival[];
}

/** Somebody else's action at the same time. */
export interface Rival {
  readonly about: string;
  /** For a join: the digest of its request. */
  readonly digest?: string;
}

export const newestRules = ({ versions }: World): Rules => {
  const newest = versions.at(-1);
  if (!newest) throw new Error('a world without rules');
  return newest.rules;
};

export const withRules = (world: World, rules: Rules): World => ({
  ...world,
  versions: [...world.versions, { rules, since: world.state.at }],
});

export function possibleAfterJoin(
  world: World,
  fn: number,
  sent: Sent,
  observed: Observed,
  { faulty, racing }: Circumstances,
): readonly World[] {
  const { status, code } = observed;
  const worlds: World[] = [];
  for (const index of visibleVersions(world, fn)) {
    const rules = world.versions[index]?.rules;
    if (!rules) continue;
    const informed = { ...world, seen: { ...world.seen, [fn]: index } };
    for (const verdict of verdicts(world, rules, sent)) {
      const next = afterAnswer(bind(informed, sent, verdict), rules, sent, verdict);
      if (agrees(verdict, observed)) worlds.push(next);
      if (faulty && status === 503) worlds.push(next);
    }
  }
  // A renewal loses only against another one of its instance.
  const isOutrun = racing.some(
    ({ about, digest }) =>
      about === sent.renews?.id && digest !== undefined && digest !== sent.digest,
  );
  const excused = (status === 503 && faulty) || (isOutrun && code === 'try_again');
  if (!excused) return worlds;
  // The machine may have been verified before storage failed.
  const known = bind(world, sent, TRY_AGAIN);
  return [...worlds, known, { ...known, state: afterClaim(world.state, sent) }];
}

const TRY_AGAIN: Verdict = { kind: 'refused', code: 'try_again' };

function visibleVersions({ versions, seen, state }: World, fn: number): number[] {
  return versions
    .map((_, index) => index)
    .filter((index) => {
      const next = versions[index + 1];
      const isKnown = next === undefined || next.since + SNAPSHOT_SECONDS > state.at;
      return isKnown && index >= (seen[fn] ?? 0);
    });
}

/** A machine that is gone is denied, unless it was verified within six hours and nobody has to be asked. */
function verdicts({ machines, bound, state }: World, rules: Rules, sent: Sent): Verdict[] {
  const verdict = judge(state, rules, sent);
  const { machine } = sent;
  if (!machine || machines[machine.resource] === machine.vmId || !isProved(verdict))
    return [verdict];
  const gone = ['machine_mismatch', 'machine_not_found'].map(
    (reason): Verdict => ({ kind: 'denied', reason, proved: false }),
  );
  const verified = bound[machine.vmId] ?? Number.NEGATIVE_INFINITY;
  return state.at - verified < BOUND_SECONDS ? [verdict, ...gone] : gone;
}

const isProved = (verdict: Verdict): boolean =>
  verdict.kind === 'admitted' ||
  (verdict.kind === 'denied' ? verdict.proved : verdict.code === 'try_again');

function bind(world: World, { machine }: Sent, verdict: Verdict): World {
  if (!machine || world.machines[machine.resource] !== machine.vmId || !isProved(verdict))
    return world;
  return { ...world, bound: { ...world.bound, [machine.vmId]: world.state.at } };
}

function afterAnswer(world: World, rules: Rules, sent: Sent, verdict: Verdict): World {
  const next = { ...world, state: afterVerdict(world.state, rules, sent, verdict) };
  const copied = sent.renews?.id ?? '';
  if (verdict.kind !== 'denied' || verdict.reason !== 'copied_identity') return next;
  const newest = newestRules(world);
  const target = ['instance', copied] as const;
  const held = newest.locks[`copied-${copied}`];
  if (held && sameTarget(held, target)) return next;
  return withRules(next, { ...newest, locks: { ...newest.locks, [`copied-${copied}`]: target } });
}

function agrees(verdict: Verdict, observed: Observed): boolean {
  const { status, code, reason, id, generation, ends } = observed;
  if (verdict.kind === 'denied') return status === 403 && reason === verdict.reason;
  if (verdict.kind === 'refused') return status === 409 && code === verdict.code;
  return (
    status === 200 &&
    id === verdict.id &&
    generation === verdict.generation &&
    ends === verdict.ends
  );
}
