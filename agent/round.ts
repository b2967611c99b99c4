/** A round of renewing: what a join brought, when what of it is to be renewed, and where it is not written yet. */
import { type Destination, type Held, heldAfter } from './destinations.ts';
import { type IssuedCertificate, soonestEnd } from './issued-certificate.ts';
import type { Joined } from './join-answer.ts';
import { OWN, wishName } from './join-request.ts';
import type { RenewalPlan } from './renewal-plan.ts';
import { untilRenewal } from './schedule.ts';
import type { Output } from './settings.ts';

/** What the agent has after a join, and which directories don't have it yet. */
export interface Round {
  readonly held: Held;
  readonly joinedAt: Date;
  readonly renewAt: Date;
  /** When each output is to be renewed. */
  readonly dueAt: ReadonlyMap<Output, Date>;
  readonly unwritten: readonly Destination[];
}

/** Also where the clock was set back: nobody knows then how old the certificates are. */
export const isDue = ({ joinedAt, renewAt }: Round, now: Date): boolean =>
  now < joinedAt || now >= renewAt;

/** Those outputs whose time is nearer to this round than to the next one, or all where the clock was set back. */
export function dueOutputs(
  { joinedAt, dueAt }: Round,
  outputs: readonly Output[],
  { roundSeconds }: RenewalPlan,
  now: Date,
): readonly Output[] {
  if (now < joinedAt) return outputs;
  const soon = now.getTime() + (roundSeconds * 1000) / 2;
  return outputs.filter((output) => (dueAt.get(output)?.getTime() ?? 0) <= soon);
}

interface JoinedNow {
  /** All of the settings', and those that were asked for. */
  readonly outputs: readonly Output[];
  readonly due: readonly Output[];
  readonly destinations: readonly Destination[];
  readonly plan: RenewalPlan;
  readonly now: Date;
  readonly random: () => number;
}

/** The round that a join begins. An output that was not due keeps what it has. */
export function nextRound(
  before: Round | undefined,
  joined: Joined,
  { outputs, due, destinations, plan, now, random }: JoinedNow,
): Round {
  const held = heldAfter(before?.held, joined);
  const dueAfter = (seconds: number, certificates: Iterable<IssuedCertificate>): Date => {
    const expires = soonestEnd(certificates);
    const wait = untilRenewal({ intervalMs: seconds * 1000, expires, now }, random);
    return new Date(now.getTime() + wait);
  };
  const dueAt = new Map(before?.dueAt);
  for (const output of due) {
    const certificate = held.certificates.get(wishName(outputs.indexOf(output)));
    if (certificate) dueAt.set(output, dueAfter(plan.secondsOf(output), [certificate]));
  }
  // Trust that has changed is written for all.
  const isTrusted = before?.held.trust.bundle.version === joined.trust.bundle.version;
  const changed = new Set([OWN, ...joined.certificates.map(({ name }) => name)]);
  const stale = new Set(before?.unwritten);
  return {
    held,
    joinedAt: now,
    renewAt: dueAfter(plan.roundSeconds, held.certificates.values()),
    dueAt,
    unwritten: destinations.filter((one) => !isTrusted || changed.has(one.wish) || stale.has(one)),
  };
}
