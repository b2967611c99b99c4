/** Why something was not done. Every failure that a caller or an operator may see is one of these. */
import type { DenialReason } from './protocol/denial-reason.ts';
import type { JoinFacts } from './protocol/join-record.ts';
import type { ProblemCode } from './protocol/problem.ts';
import type { InputProblem } from './protocol/schema.ts';

/** Codes with which a join ends that was neither admitted nor denied. */
export const JOIN_FAILURES = [
  'bad_request',
  'instance_unknown',
  'internal',
  'length_required',
  'throttled',
  'too_large',
  'try_again',
  'unavailable',
  'unsupported_media_type',
] as const satisfies readonly ProblemCode[];

/** Names that an operator needs to mend a denial; each is a fact of the join log. */
export type DenialSubject = { readonly [K in Subject]?: NonNullable<JoinFacts[K]> };
type Subject =
  | 'bot'
  | 'claimed_tenant'
  | 'denied_name'
  | 'denied_signer'
  | 'denied_role'
  | 'denied_role_is'
  | 'join_token'
  | 'lock'
  | 'token_audience';

export interface RefusalDetails {
  readonly reason?: DenialReason;
  /** What it is about, for the operator. */
  readonly about?: DenialSubject;
  /** Path of the input's field that is wrong. */
  readonly field?: string;
  /** Seconds after which another try makes sense. */
  readonly retryAfter?: number;
  /** Methods that the address answers. */
  readonly allow?: readonly string[];
  readonly cause?: unknown;
  /** Whoever asks can bring it about alone: nobody is woken by it. */
  readonly callersDoing?: true;
  /** What an operator changed a moment ago may make it good. */
  readonly newerMayHelp?: boolean;
}

/**
 * A refusal with its code of the API. For `access_denied` the message is for the operator only; for all other codes
 * the caller sees it, so it never holds a secret or a text of the caller's own.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ProblemCode;
  readonly reason: DenialReason | undefined;
  readonly about: DenialSubject;
  readonly field: string | undefined;
  readonly retryAfter: number | undefined;
  readonly allow: readonly string[] | undefined;
  readonly callersDoing: boolean;
  readonly newerMayHelp: boolean;

  /** Each bundle has a copy of this class of its own: a refusal is known by its name. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'Refusal';
  }

  constructor(code: ProblemCode, message: string, details: RefusalDetails = {}) {
    // It is an answer and no fault: where it was made nobody reads, and to find that out takes longer than most checks.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, { cause: details.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.reason = details.reason;
    this.about = details.about ?? {};
    this.field = details.field;
    this.retryAfter = details.retryAfter;
    this.allow = details.allow;
    this.callersDoing = details.callersDoing === true;
    this.newerMayHelp = details.newerMayHelp === true;
  }
}

/** A denied join. `about` has the names that an operator needs to mend it. */
export const denied = (reason: DenialReason, message: string, about: DenialSubject = {}): Refusal =>
  new Refusal('access_denied', message, { reason, about });

/** Input that is not what was expected. */
export const badInput = (problem: InputProblem): Refusal =>
  new Refusal('bad_request', problem.message, { field: problem.field });

/** The caller has used up what it may ask for in this minute. */
export const throttled = (message: string, retryAfter: number): Refusal =>
  new Refusal('throttled', message, { retryAfter });

/** What is asked for was looked for just now, and is not asked again so soon (rules 7, 8). The next try may work. */
export const justAsked = (message: string, retryAfter: number): Refusal =>
  new Refusal('unavailable', message, { retryAfter, callersDoing: true });

/** Something that the broker needs is down or throttled (rule 7): never an admission, and the next try may work. */
export const unavailable = (message: string, retryAfter = 5, cause?: unknown): Refusal =>
  new Refusal('unavailable', message, { retryAfter, cause });
