/**
 * What a join method is: the questions that a join asks it, in this order. Everything that differs between methods is
 * here, and nothing of a join outside this folder knows a method's name. To add one: a file that answers these questions, its
 * evidence in protocol/evidence.ts, what its join tokens say in resources/join-token.ts, a row in methods.ts, and for operators
 * what its rules say, in told-rules.ts and in joinctl's words.
 */

import type { DenialReason } from '../../protocol/denial-reason.ts';
import type { JoinBody, JoinRequest } from '../../protocol/join.ts';
import type { NameFacts } from '../../resources/host-names.ts';
import type { JoinToken } from '../../resources/join-token.ts';
import type { LockSubject } from '../../resources/lock.ts';
import type { KeptFacts } from '../../storage/instances.ts';
import type { Snapshot } from '../../storage/resources.ts';
import type { Report } from '../report.ts';

/** What all proof of a join is made over. */
export interface ProvedRequest {
  readonly request: JoinRequest;
  /** The hex SHA-256 of the proof message. */
  readonly digest: string;
  /** The join token that the request names, where it is known without asking. */
  readonly joinToken: JoinToken | undefined;
  /** The newest resources that were read so far, however old. What counts is looked at once more, in `checkTrusted`. */
  readonly resources: Snapshot | undefined;
  readonly at: Date;
}

/**
 * `Examined` is evidence that was checked locally, `Facts` is what was proved of the machine: what the instance's row
 * keeps of it, so that a renewal can be held to the same machine.
 */
export interface JoinMethod<Examined, Facts extends KeptFacts> {
  /**
   * How long evidence stays fresh, so that the very same request may be answered again; `undefined` where there is no
   * evidence but the instance's own key: then for as long as the certificates live.
   */
  readonly freshSeconds: number | undefined;

  /** The id of the instance that a first join makes: its row is the replay guard. */
  firstInstanceId(join: ProvedRequest): string;

  /** Why another request that would make the same instance is denied. */
  readonly usedReason: DenialReason;

  /**
   * Everything that can be checked locally, over the proof message. Nothing is fetched, no storage is read. Whom no rule
   * could admit even if all were true that the evidence says is denied before any signature is checked. Where newer
   * resources may help, the refusal says so.
   */
  examine(body: JoinBody, join: ProvedRequest, report: Report): Examined;

  /** Denies what rests on something that operators don't trust, or don't trust any more. */
  checkTrusted(examined: Examined, resources: Snapshot, at: Date): void;

  /** Whether `examine` proves anything. Where not, what is asked for a caller is limited by the caller's address. */
  readonly provesLocally: boolean;

  /** The machine that the evidence is of, so far as `examine` proves that: how often it may try is limited. */
  machineOf(examined: Examined): string | undefined;

  /**
   * Denies whom no rule could admit, by what is known without asking anybody. Reports as known whom a rule names by what
   * is proved already.
   */
  checkCouldMatch(examined: Examined, joinToken: JoinToken, report: Report): void;

  /** Whether the machine of a row may be the one that was examined: a renewal is of the same machine. */
  mayBe(examined: Examined, kept: KeptFacts): boolean;

  /** Asks what has to be asked. `kept` is what the row of the instance that renews itself says of the machine. */
  prove(
    examined: Examined,
    joinToken: JoinToken,
    kept: KeptFacts | undefined,
    report: Report,
  ): Promise<Facts>;

  /** Decides on verified facts, and reports the rule that admits. Throws a `Refusal` with the nearest miss of each. */
  decide(facts: Facts, joinToken: JoinToken, report: Report): void;

  /** Whether a machine can make several instances: then they are counted (claim-place.ts). */
  readonly joinsOften: boolean;

  /** What a lock can name the machine by. */
  lockTargets(facts: Facts): Partial<LockSubject>;

  /** Which machine it is: a host's names belong to it. And what names can be made of. */
  hostOf(facts: Facts, instanceId: string): HostMachine;
}

export interface HostMachine {
  /** What stays the same for a machine, and what changes when it is made anew: see `NameHolder`. */
  readonly machine: string;
  readonly incarnation: string;
  readonly facts: NameFacts;
}

/** Of a machine about which nothing was attested that names could be made of. */
export const NO_NAME_FACTS: NameFacts = {
  vm_name: undefined,
  resource_group: undefined,
  subscription: undefined,
  location: undefined,
  scale_set: undefined,
  instance_id: undefined,
};
