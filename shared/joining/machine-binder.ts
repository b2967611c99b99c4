/** Binds machines, and remembers for six hours which ones were bound, so that a renewal needs no call. */
import {
  type BindingEvidence,
  bindByClaims,
  bindStrictly,
  type ClaimedMachine,
  recallMachine,
  type VerifiedFacts,
  type VerifiedMachine,
} from '../attestation/machine-binding.ts';
import type { MachineDirectory } from '../attestation/machine-directory.ts';
import type { MachineRecord } from '../storage/instances.ts';

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
const MOST_REMEMBERED = 10_000;

export function createMachineBinder(directory: MachineDirectory, now: () => Date): MachineBinder {
  const remembered = new Map<string, BoundMachine>();

  function remember(key: string, bound: BoundMachine): void {
    const [oldest] = remembered.keys();
    if (remembered.size >= MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    remembered.delete(key);
    remembered.set(key, bound);
  }

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
        if (machine) return { machine, verified: known.verified };
      }
      const machine =
        binding === 'claims'
          ? bindByClaims(evidence, claimed)
          : await bindStrictly(evidence, claimed, directory);
      const bound = { machine, verified: now() };
      remember(key, bound);
      return bound;
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
