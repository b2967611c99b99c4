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

/**
 * The same, where the API can be asked and says no to this very question (a status below 500, and it doesn't throttle), or
 * where it has too long an answer.
 */
export const refusedHere = (message: string, retryAfter?: number, cause?: unknown): Refusal =>
  Object.assign(unavailableHere(message, retryAfter, cause), { refused: true });

/** What was found out about a question, told again with the seconds that are left. */
export const toldAgain = (error: Refusal, seconds: number): Refusal =>
  (isRefusedHere(error) ? refusedHere : isOfResourceOnly(error) ? unavailableHere : unavailable)(
    error.message,
    seconds,
  );

/** A question that the caller chose was refused: nobody is woken by what it asked for. */
export const refusedToCaller = ({ message, retryAfter, cause }: Refusal): Refusal =>
  Object.assign(
    new Refusal('unavailable', message, {
      callersDoing: true,
      ...(retryAfter !== undefined && { retryAfter }),
      cause,
    }),
    { scope: 'resource' },
  );

type Marked = Refusal & { readonly scope?: string; readonly refused?: boolean };

export const isRefusedHere = (error: unknown): error is Refusal =>
  error instanceof Refusal && (error as Marked).refused === true;

export const isOfResourceOnly = (error: unknown): boolean =>
  error instanceof Refusal && (error as Marked).scope === 'resource';

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
