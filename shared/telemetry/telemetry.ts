/** Audit events and metrics: one small interface, structured log lines by default. No secrets, tokens or keys (rule 14). */
import type { DenialReason } from '../refusal.ts';

/** One attempt to join, as the operator sees it. */
export interface JoinEvent {
  readonly event: 'join';
  readonly outcome: 'admitted' | 'denied' | 'failed';
  readonly code?: string;
  readonly reason?: DenialReason;
  /** What exactly said no, for the operator. */
  readonly detail?: string;
  readonly join_token?: string;
  readonly join_method?: string;
  readonly system_role?: string;
  readonly bot?: string;
  readonly instance_id?: string;
  readonly generation?: number;
  readonly vm_id?: string;
  readonly subscription?: string;
  readonly tenant?: string;
  readonly resource_id?: string;
  /** Hex SHA-256 of the access token. */
  readonly access_token_sha256?: string;
  readonly serials?: readonly string[];
  readonly client?: string;
  readonly duration_ms?: number;
}

/** A change that an operator made, or was refused. */
export interface ResourceEvent {
  readonly event: 'resource';
  readonly action: 'create' | 'replace' | 'delete';
  readonly outcome: 'done' | 'refused';
  readonly code?: string;
  readonly resource: string;
  /** Object id of the operator. */
  readonly operator?: string;
}

export interface KeyEvent {
  readonly event: 'keys';
  readonly actions: readonly string[];
}

/** Something went wrong inside the broker. */
export interface FailureEvent {
  readonly event: 'failure';
  readonly detail: string;
}

export type AuditEvent = JoinEvent | ResourceEvent | KeyEvent | FailureEvent;

/** Metrics and their dimensions: few and bounded, never the name of a machine or bot. */
export interface Metrics {
  readonly joins: {
    readonly method: string;
    readonly role: string;
    readonly outcome: string;
    readonly reason: string;
  };
  readonly join_milliseconds: { readonly method: string; readonly outcome: string };
  readonly dependency_calls: {
    readonly dependency: 'directory' | 'management' | 'storage';
    readonly result: 'ok' | 'failed';
  };
}

export interface Telemetry {
  /** Writes one audit line. `log` is the invocation's own logger, where there is one. */
  audit(event: AuditEvent, requestId: string, log?: (line: string) => void): void;
  measure<M extends keyof Metrics>(metric: M, value: number, dimensions: Metrics[M]): void;
}

/** Audit lines as JSON; metrics go nowhere. */
export function createLogTelemetry(now: () => Date, write: (line: string) => void): Telemetry {
  return {
    audit(event, requestId, log = write) {
      log(JSON.stringify({ time: now().toISOString(), request_id: requestId, ...event }));
    },
    measure() {},
  };
}
