/**
 * Every change by an operator leaves an audit line and a row of the audit: who, what, before and after. The row is written
 * before the change is made, so that where it can't be written nothing is changed.
 */
import type { Call } from '../call.ts';
import type { ProblemCode } from '../protocol/problem.ts';
import { Refusal } from '../refusal.ts';
import type { AnyResource } from '../resources/resource.ts';
import type { AuditFacts, AuditLog } from '../storage/audit-log.ts';
import type { ResourceEvent, Telemetry } from '../telemetry/telemetry.ts';
import { changesOf, type ResourceChanges } from './changes.ts';
import { checkRight, type Operator, type OperatorRight } from './operator.ts';

/** What is to be done, and the app role that it takes. */
export interface Change {
  readonly action: ResourceEvent['action'];
  readonly resource: string;
  readonly right: OperatorRight;
}

/** What a change came to, for the audit. */
export interface Changed {
  readonly changes?: Partial<ResourceChanges>;
}

export interface ChangeAudit {
  /** Makes the change if the operator may. Throws its refusal, or `unavailable` where the audit can't be written. */
  byOperator<T extends Changed>(
    operator: Operator,
    change: Change,
    call: Call,
    make: () => Promise<T>,
  ): Promise<T>;
  /** Tells of a resource that the broker made by itself. */
  byBroker(change: Omit<Change, 'right'>, made: AnyResource, call: Call): Promise<void>;
}

/** Whoever has no right may try as often as he likes: so many rows a minute of one function instance, and all lines. */
const MOST_UNENTITLED = 20;
const MINUTE_MS = 60_000;

export function createChangeAudit(
  log: Pick<AuditLog, 'write'>,
  telemetry: Telemetry,
  now: () => Date,
): ChangeAudit {
  let minute = 0;
  let unentitled = 0;

  function mayLeaveRow(): boolean {
    const current = Math.floor(now().getTime() / MINUTE_MS);
    if (current !== minute) {
      minute = current;
      unentitled = 0;
    }
    unentitled += 1;
    return unentitled <= MOST_UNENTITLED;
  }

  /** What the change came to. The change stands: what can't be written now is in the broker's own log. */
  async function writeEnd(facts: AuditFacts, call: Call): Promise<void> {
    try {
      await log.write(call.requestId, facts);
    } catch (error) {
      const detail = `the audit of ${facts.resource} could not be written: ${error}`;
      telemetry.audit({ event: 'failure', detail }, call.requestId, call.log);
    }
  }

  return {
    async byOperator(operator, { action, resource, right }, call, make) {
      const what = { action, resource: printable(resource) };
      const { oid, name } = operator;
      const who = { operator: oid, ...(name !== undefined && { operator_name: name }) };
      const tell = (told: Told): void => {
        const event = { event: 'resource', ...what, operator: oid, ...told } as const;
        telemetry.audit(event, call.requestId, call.log);
      };
      try {
        checkRight(operator, right);
      } catch (error) {
        const refused = { outcome: 'refused', code: codeOf(error) } as const;
        tell(refused);
        if (mayLeaveRow()) await writeEnd({ ...what, ...who, ...refused }, call);
        throw error;
      }
      await log.write(call.requestId, { ...what, ...who, outcome: 'begun' });
      try {
        const made = await make();
        const done = { outcome: 'done', ...made.changes } as const;
        tell(done);
        await writeEnd({ ...what, ...who, ...done }, call);
        return made;
      } catch (error) {
        const failed = { outcome: outcomeOf(error), code: codeOf(error) };
        tell(failed);
        await writeEnd({ ...what, ...who, ...failed }, call);
        throw error;
      }
    },
    async byBroker({ action, resource }, made, call) {
      const changes = changesOf(undefined, made);
      const facts = { action, resource, outcome: 'done', ...changes } as const;
      telemetry.audit({ event: 'resource', ...facts }, call.requestId, call.log);
      await writeEnd(facts, call);
    },
  };
}

type Told = Pick<ResourceEvent, 'outcome' | 'code'> & Partial<ResourceChanges>;

/** Refusals that are made before anything is. After any other failure nobody knows: an answer may have been lost, or half be done. */
const NOTHING_DONE: ReadonlySet<ProblemCode> = new Set([
  'already_exists',
  'bad_request',
  'forbidden',
  'gone',
  'in_use',
  'length_required',
  'not_found',
  'precondition_failed',
  'precondition_required',
  'throttled',
  'too_large',
  'unauthenticated',
  'unsupported_media_type',
]);

const outcomeOf = (error: unknown): 'begun' | 'refused' =>
  NOTHING_DONE.has(codeOf(error)) ? 'refused' : 'begun';

const codeOf = (error: unknown): ProblemCode =>
  error instanceof Refusal ? error.code : 'internal';

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 128);
