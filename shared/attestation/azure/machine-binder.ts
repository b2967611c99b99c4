/** Binds machines, and remembers for six hours which ones were bound, so that a renewal needs no call. */

import type { OnLookup } from '../../lookups.ts';
import { Refusal } from '../../refusal.ts';
import {
  type BindingEvidence,
  bindByClaims,
  bindStrictly,
  type ClaimedMachine,
  recallMachine,
  type VerifiedFacts,
  type VerifiedMachine,
} from './machine-binding.ts';
import { isOfResourceOnly, type MachineDirectory } from './machine-directory.ts';
import { remember } from './remember.ts';

/** Machine facts as they were verified, and when: Unix seconds. */
type MachineRecord = VerifiedFacts & { readonly verified: number };

export interface BoundMachine {
  readonly machine: VerifiedMachine;
  /** When the management API was asked. */
  readonly verified: Date;
}

export interface MachineBinder {
  /** Binds anew unless this machine was bound lately: by this process, or by the instance's own record. */
  bind(
    evidence: BindingEvidence,
    claimed: ClaimedMachine,
    binding: VerifiedMachine['binding'],
    record: MachineRecord | undefined,
  ): Promise<BoundMachine>;
}

const REMEMBERED_SECONDS = 6 * 3600;
/**
 * What became of a machine is remembered whatever the hint says, so that one machine's joins can't hammer the management
 * API: a denial for this long, a hint that can't be looked up for as long as the API asks for.
 */
const DENIED_SECONDS = 5;

export function createMachineBinder(
  directory: MachineDirectory,
  now: () => Date,
  onLookup: OnLookup = () => {},
): MachineBinder {
  const remembered = new Map<string, BoundMachine>();
  const denials = new Map<string, { readonly refusal: Refusal; readonly until: number }>();

  return {
    async bind(evidence, claimed, binding, record) {
      const key = JSON.stringify([
        binding,
        evidence.document.vmId,
        evidence.identity.tenant,
        evidence.identity.oid,
      ]);
      for (const known of [record && fromRecord(record), remembered.get(key)]) {
        const age = known
          ? (now().getTime() - known.verified.getTime()) / 1000
          : Number.POSITIVE_INFINITY;
        if (!known || age >= REMEMBERED_SECONDS || known.machine.binding !== binding) continue;
        const machine = recallMachine(evidence, claimed, known.machine);
        if (!machine) continue;
        onLookup('hit');
        return { machine, verified: known.verified };
      }
      onLookup('miss');
      if (binding === 'claims')
        return { machine: bindByClaims(evidence, claimed), verified: now() };

      const denial = denials.get(key);
      if (denial && now().getTime() < denial.until) throw denial.refusal;
      try {
        const machine = await bindStrictly(evidence, claimed, directory);
        const bound = { machine, verified: now() };
        remember(remembered, key, bound);
        return bound;
      } catch (error) {
        if (
          error instanceof Refusal &&
          (error.code === 'access_denied' || isOfResourceOnly(error))
        ) {
          const seconds = error.retryAfter ?? DENIED_SECONDS;
          remember(denials, key, { refusal: error, until: now().getTime() + seconds * 1000 });
        }
        throw error;
      }
    },
  };
}

const fromRecord = ({
  verified,
  ...machine
}: MachineRecord): { machine: VerifiedFacts; verified: Date } => ({
  machine,
  verified: new Date(verified * 1000),
});
