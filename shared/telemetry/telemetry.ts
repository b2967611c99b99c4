/** Audit events and metrics: one small interface, structured log lines by default. No secrets, tokens or keys (rule 14). */

import type { DenialReason } from '../protocol/denial-reason.ts';
import type { JoinRequest } from '../protocol/join.ts';
import type { ProblemCode } from '../protocol/problem.ts';
import type { Dimensions, MetricName } from './metrics.ts';

/** One attempt to join, as the operator sees it. */
export interface JoinEvent {
  readonly event: 'join';
  readonly outcome: Dimensions<'joins'>['outcome'];
  readonly code?: ProblemCode;
  readonly reason?: DenialReason;
  /** What exactly said no, for the operator. */
  readonly detail?: string;
  readonly join_token?: string;
  readonly join_method?: JoinRequest['join_method'];
  readonly system_role?: JoinRequest['role'];
  readonly bot?: string;
  readonly instance_id?: string;
  readonly generation?: number;
  readonly vm_id?: string;
  readonly subscription?: string;
  readonly tenant?: string;
  readonly resource_id?: string;
  /** Object id of the managed identity that it acts as. */
  readonly identity?: string;
  /** Whether the management API said which machine it is, or the token's claims. */
  readonly vm_binding?: 'strict' | 'claims';
  /** Hex SHA-256 of the certificate that signed the attested document. */
  readonly document_signer?: string;
  /** The added root that alone explains the attested document: its resource's name. */
  readonly azure_root?: string;
  /** The rule that admitted it, as a path in the join token. */
  readonly rule?: string;
  /** What the machine says that it is, where it was denied before that was verified. */
  readonly claimed_vm_id?: string;
  readonly claimed_subscription?: string;
  readonly claimed_resource_id?: string | undefined;
  /** The tenant that its access token names, where nobody looked whether that is so. */
  readonly claimed_tenant?: string;
  /** The audience of an access token that is for another service. */
  readonly token_audience?: string;
  /** What stood in the way of a denied join: a lock, a role of the bot, a host's name. */
  readonly lock?: string;
  readonly denied_role?: string;
  readonly denied_role_is?: "not the bot's" | 'missing' | 'expired';
  readonly denied_name?: string;
  readonly denied_signer?: string;
  readonly aws_account?: string;
  readonly aws_arn?: string;
  /** As the joiner names it: an id, not the key. */
  readonly aws_access_key_id?: string;
  /** Rules of the join token in audit mode that would have admitted the machine, counted from 1. */
  readonly audit_rules?: readonly number[];
  /** The names of a host, and the instance whose names it took over: its machine was made anew. */
  readonly names?: readonly string[];
  readonly took_over?: string;
  /** Other live instances of the same machine, of the same bot or system role and by the same join token. */
  readonly beside?: readonly string[];
  /** Hex SHA-256 of the access token. */
  readonly access_token_sha256?: string;
  /** The directory's own id of the access token (`uti`), once its signature is verified. */
  readonly access_token_uti?: string;
  /** Of each certificate, in the same order: its serial number, its end, and hex SHA-256 of its key (SubjectPublicKeyInfo). */
  readonly serials?: readonly string[];
  readonly expires?: readonly string[];
  readonly key_sha256?: readonly string[];
  /** The keys of SSH certificates as `sshd` logs them, `SHA256:…`. */
  readonly ssh_keys?: readonly string[];
  /** What bots' certificates say, each once. */
  readonly roles?: readonly string[];
  readonly logins?: readonly string[];
  readonly client?: string;
  readonly duration_ms?: number;
}

/** A change that an operator made, or was refused; `begun`: nobody knows which. */
export interface ResourceEvent {
  readonly event: 'resource';
  readonly action: 'create' | 'replace' | 'delete' | 'read';
  readonly outcome: 'begun' | 'done' | 'refused';
  readonly code?: string;
  readonly resource: string;
  /** Object id of the operator. */
  readonly operator?: string;
  /** As in the audit: without secrets and of bounded length, and the SHA-256 of the whole. */
  readonly changed?: readonly string[];
  readonly before?: string;
  readonly after?: string;
  readonly before_sha256?: string;
  readonly after_sha256?: string;
}

/** A sign of theft: a secret that was used a second time, or an identity that is in two places. */
export interface SecurityEvent {
  readonly event: 'security';
  readonly sign: Dimensions<'theft_signs'>['sign'];
  readonly join_token?: string;
  readonly bot?: string;
  readonly instance_id?: string;
  readonly client?: string;
}

/** Certificates of an instance that came on the revocation lists; or how many instances more there were in the same run. */
export interface RevocationEvent {
  readonly event: 'revocation';
  readonly owner?: string;
  readonly instance_id?: string;
  readonly reason?: Dimensions<'revoked_certificates'>['reason'];
  /** The lock, or the machine that is gone. */
  readonly by?: string;
  readonly serials?: readonly string[];
  readonly not_told?: number;
}

/** A machine joined although an instance of it lives: reinstalled, restarted without its state, or somebody else on it. */
export interface SecondInstanceEvent {
  readonly event: 'second_instance';
  readonly join_token?: string;
  readonly bot?: string;
  readonly instance_id?: string;
  /** The instances that live already. */
  readonly beside: readonly string[];
  readonly client?: string;
}

/** What was done to the broker's keys, and what is wrong with them. */
export interface KeyEvent {
  readonly event: 'keys';
  /** Such as `create tls 3`. */
  readonly actions: readonly string[];
  /** Rows that don't authenticate, and count for nothing. */
  readonly ignored?: readonly string[];
  /** Keys that must be there and are not: an operator has to mend it. */
  readonly lost?: readonly string[];
}

/** Attempts by callers whom no rule names, of which only so many a minute leave a line. */
export interface SampledEvent {
  readonly event: 'sampled';
  /** How many lines were not written since the last that was. */
  readonly not_written: number;
}

/** Where the join log ended at this time: what somebody who can write to its table can't change here. */
export interface AnchorEvent {
  readonly event: 'anchor';
  readonly key: string;
  readonly mac: string;
}

/** A root or chain of Azure's that ends soon, or a root that an operator added and that documents come by. Once a day. */
export interface AzureTrustEvent {
  readonly event: 'azure_trust';
  readonly finding: 'ends_soon' | 'ended' | 'added_root_used';
  readonly anchor: Dimensions<'azure_trust_days_left'>['anchor'];
  /** Of an added root the resource's name, of others the subject. */
  readonly name: string;
  readonly sha256: string;
  readonly expires: string;
}

/** Something went wrong inside the broker. */
export interface FailureEvent {
  readonly event: 'failure';
  readonly detail: string;
}

/** What the prober found in one run. */
export interface ProbeEvent {
  readonly event: 'probe';
  readonly outcome: 'passed' | 'failed';
  /** `<probe>: <result>`, and why where it did not pass. */
  readonly results: readonly string[];
}

export type AuditEvent =
  | JoinEvent
  | ResourceEvent
  | SecurityEvent
  | SecondInstanceEvent
  | SampledEvent
  | KeyEvent
  | AzureTrustEvent
  | RevocationEvent
  | FailureEvent
  | AnchorEvent
  | ProbeEvent;

export interface Telemetry {
  /** Records one audit event. `log` is the invocation's own logger, where there is one. */
  audit(event: AuditEvent, requestId: string, log?: (line: string) => void): void;
  measure<M extends MetricName>(metric: M, value: number, dimensions: Dimensions<M>): void;
}

/** Audit events as lines of JSON; metrics go nowhere. */
export function createLogTelemetry(now: () => Date, write: (line: string) => void): Telemetry {
  return {
    audit: (event, requestId, log = write) => log(auditLine(event, requestId, now())),
    measure() {},
  };
}

/** The one line of an audit event in a log. */
export const auditLine = (event: AuditEvent, requestId: string, at: Date): string =>
  JSON.stringify({ time: at.toISOString(), request_id: requestId, ...event });
