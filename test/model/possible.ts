/**
 * Which states are possible after an answer. There may be several: a function instance may not know a change of the last
 * five seconds yet, a lost answer hides whether its write was done, and requests that race may count in any order. None
 * possible is a violation.
 */
import { isDeepStrictEqual } from 'node:util';
import { afterClaim, afterHalfAJoin, afterVerdict } from './consequences.ts';
import { judge, MOST_KNOWN, sameTarget } from './reference.ts';
import type { Rules, Sent, State, Verdict } from './terms.ts';

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
  readonly ends?: readonly number[];
  /** Other live instances of the machine, as the audit tells. */
  readonly beside?: readonly string[];
  /** Of a request that was sent before: which instances were known to be there then. */
  readonly admittedBefore?: ReadonlySet<string>;
}

/** What may be an excuse: faults of storage, and others at the same time. */
export interface Circumstances {
  readonly faulty: boolean;
  readonly racing: readonly Rival[];
  /** The management API can't be asked now, or failed just before. */
  readonly management: 'up' | 'down' | 'shaky';
  /** The keys can't be opened: the function instance has just begun, and the vault can't be asked. */
  readonly keyless: boolean;
}

/** Somebody else's action at the same time. */
export interface Rival {
  readonly about: string;
  /** For a join: the digest of its request, and the name of a host that it asks for. */
  readonly digest?: string;
  readonly hostName?: string;
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
  { faulty, racing, management, keyless }: Circumstances,
): readonly World[] {
  const { status, code } = observed;
  const worlds: World[] = [];
  const asksForName = ({ hostName }: Rival): boolean =>
    hostName !== undefined && hostName === sent.machine?.hostName;
  const isBesideItself = sent.owner === 'host:Node' && racing.some(asksForName);
  for (const index of visibleVersions(world, fn)) {
    const rules = world.versions[index]?.rules;
    if (!rules) continue;
    const informed = { ...world, seen: { ...world.seen, [fn]: index } };
    for (const verdict of verdicts(world, rules, sent, management)) {
      const next = afterAnswer(bind(informed, sent, verdict), rules, sent, verdict);
      const isAlone = !faulty && racing.length === 0;
      const tells = !isAlone || tellsOfOthers(world.state, sent, verdict, observed);
      if (agrees(verdict, observed) && tells) worlds.push(next);
      if (faulty && status === 503) worlds.push(next);
      // Of two of one host at once, the second one renews the claim, and neither gives back what the other may have.
      if (agrees(verdict, observed) && isBesideItself && observed.reason === 'too_many_machines')
        worlds.push({ ...next, state: afterClaim(next.state, sent) });
    }
  }
  // A renewal loses only against another one of its instance.
  const isOutrun = racing.some(
    ({ about, digest }) =>
      about === sent.renews?.id && digest !== undefined && digest !== sent.digest,
  );
  // One that finds no place gives the name back that it had claimed by then.
  const isNameHeld = observed.reason === 'host_name_taken' && racing.some(asksForName);
  const isDown = faulty || keyless || (management !== 'up' && sent.machine !== undefined);
  const excused = (status === 503 && isDown) || (isOutrun && code === 'try_again') || isNameHeld;
  if (!excused) return worlds;
  // The machine may have been verified before something failed.
  const known = management === 'down' ? world : bind(world, sent, TRY_AGAIN);
  const left = faulty ? { ...known, state: afterHalfAJoin(world.state, sent) } : known;
  const claimed = { ...left, state: afterClaim(left.state, sent) };
  return [...worlds, left, ...(faulty || isOutrun ? [claimed] : [])];
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

/** A function instance may know its rules without asking, or ask for them first; a place may be held that is free by all that is known. */
function verdicts(
  world: World,
  rules: Rules,
  sent: Sent,
  management: Circumstances['management'],
): Verdict[] {
  const all = [true, false].flatMap((atHand) =>
    (['holds', 'is over'] as const).map((doubt) =>
      judge(world.state, rules, sent, { atHand, doubt }),
    ),
  );
  return all
    .filter((verdict, i) => all.findIndex((one) => isDeepStrictEqual(one, verdict)) === i)
    .flatMap((verdict) => ifThere(world, sent, verdict, management));
}

/**
 * A machine that is gone is denied, unless it was verified within six hours and nobody has to be asked. Nobody is admitted
 * who would have to be asked about and can't be.
 */
function ifThere(
  { machines, bound, state }: World,
  { machine }: Sent,
  verdict: Verdict,
  management: Circumstances['management'],
): Verdict[] {
  if (!machine || !isProved(verdict)) return [verdict];
  const isKnown = state.at - (bound[machine.vmId] ?? Number.NEGATIVE_INFINITY) < BOUND_SECONDS;
  if (machines[machine.resource] === machine.vmId)
    return management === 'down' && !isKnown ? [] : [verdict];
  const gone = ['machine_mismatch', 'machine_not_found'].map(
    (reason): Verdict => ({ kind: 'denied', reason, proved: false }),
  );
  return isKnown ? [verdict, ...gone] : gone;
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

/** A first join tells of the machine's other live instances; of one that failed in between it may. */
function tellsOfOthers(
  { instances, at }: State,
  sent: Sent,
  verdict: Verdict,
  { beside = [], admittedBefore }: Observed,
): boolean {
  if (verdict.kind !== 'admitted') return true;
  if (sent.renews || sent.method === 'token') return beside.length === 0;
  const machine = sent.machine?.vmId ?? sent.arn;
  const made = Object.entries(instances).filter(
    ([id, one]) => id !== verdict.id && one.token === sent.token && one.machine === machine,
  );
  const live = made.filter(
    ([, { removed, owner, lastEnd }]) => !removed && owner === sent.owner && lastEnd > at,
  );
  const ids = new Set(live.map(([id]) => id));
  // Those that came before it: of a request that was sent before, that was then.
  const wanted = [...ids].filter((id) => admittedBefore?.has(id) ?? true);
  const isWhole = made.length > MOST_KNOWN || wanted.every((id) => beside.includes(id));
  return isWhole && beside.every((id) => ids.has(id) || !instances[id]);
}

function agrees(verdict: Verdict, observed: Observed): boolean {
  const { status, code, reason, id, generation, ends } = observed;
  if (verdict.kind === 'denied') return status === 403 && reason === verdict.reason;
  if (verdict.kind === 'refused') return status === 409 && code === verdict.code;
  return (
    status === 200 &&
    id === verdict.id &&
    generation === verdict.generation &&
    JSON.stringify(ends) === JSON.stringify(verdict.ends)
  );
}
