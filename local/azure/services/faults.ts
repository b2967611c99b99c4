/** What can be wrong with a service: for its next calls, or until it is cleared. */

export type Fault =
  /** Answers this status with the service's own form of error. */
  | { readonly status: number; readonly retryAfterSeconds?: number }
  /** Answers as it should, once this promise is fulfilled. */
  | { readonly heldUntil: Promise<unknown> }
  /** Never answers: ends when the caller gives up. */
  | 'hang'
  /** Answers 200 with half of the JSON. */
  | 'broken_json'
  /** The connection breaks. */
  | 'network_error';

export interface FaultSwitch {
  /** Sets the fault, for the next `times` calls or until `clear`. */
  set(fault: Fault, options?: { readonly times?: number }): void;
  clear(): void;
  /** The fault of the call that comes now. */
  next(): Fault | undefined;
}

export function createFaultSwitch(): FaultSwitch {
  let current: { readonly fault: Fault; left: number } | undefined;
  return {
    set(fault, { times = Number.POSITIVE_INFINITY } = {}) {
      current = { fault, left: times };
    },
    clear() {
      current = undefined;
    },
    next() {
      if (!current || current.left <= 0) return undefined;
      current.left -= 1;
      return current.fault;
    },
  };
}
