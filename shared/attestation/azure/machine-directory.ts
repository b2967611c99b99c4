/** What the broker asks Azure's management API about machines, whoever answers: Azure, a simulation, or a test. */
import { Refusal, unavailable } from '../../refusal.ts';
import type { MachineId } from './resource-id.ts';

/** A machine as the management API describes it. Ids are in lower case. */
export interface MachineDescription {
  readonly id: MachineId;
  readonly vmId: string;
  /** The flexible scale set that the machine belongs to. */
  readonly scaleSet: string | undefined;
  /** The region, as Azure writes it: `westeurope`. */
  readonly location: string | undefined;
  readonly identities: readonly MachineIdentity[];
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

export interface MachineIdentity {
  /** Object id of the service principal. */
  readonly principalId: string;
  /** Client id of a user-assigned identity; the API doesn't say the machine's own. */
  readonly clientId?: string | undefined;
  /** Resource id of a user-assigned identity; `undefined` for the machine's own. */
  readonly resourceId: string | undefined;
}

/**
 * `unavailable` because of what was asked for, such as a group that the broker may not read: other machines of the
 * subscription are not concerned, and one machine's hint can't keep them out.
 */
export const unavailableHere = (message: string, retryAfter?: number, cause?: unknown): Refusal =>
  Object.assign(unavailable(message, retryAfter, cause), { scope: 'resource' });

export const isOfResourceOnly = (error: unknown): boolean =>
  error instanceof Refusal && 'scope' in error && error.scope === 'resource';

/**
 * Reads machines with the broker's own identity. Answers are never stale. Each method throws `unavailable` where the
 * API can't be asked now, and `undefined` means that it knows no such machine.
 */
export interface MachineDirectory {
  read(id: Exclude<MachineId, { kind: 'set' }>): Promise<MachineDescription | undefined>;
  findInSet(
    set: Extract<MachineId, { kind: 'set' }>,
    vmId: string,
  ): Promise<MachineDescription | undefined>;
  findInSubscription(subscription: string, vmId: string): Promise<MachineDescription | undefined>;
}
