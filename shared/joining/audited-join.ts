/**
 * What is told about an attempt to join, however it ends: an audit event, the metrics of joins, the join log. Failures of
 * callers whom no rule names are all counted; a sample of them leaves a line and a row.
 */
import type { Call } from '../call.ts';
import type { JoinFacts } from '../protocol/join-record.ts';
import { sentenceOf } from '../protocol/schema.ts';
import { JOIN_FAILURES, Refusal } from '../refusal.ts';
import type { Dimensions } from '../telemetry/metrics.ts';
import type { JoinEvent, SecurityEvent, Telemetry } from '../telemetry/telemetry.ts';
import type { AuditSample } from './audit-sample.ts';
import type { Report } from './report.ts';
import { shortFacts } from './short-facts.ts';

export interface AuditParts {
  readonly call: Call;
  readonly telemetry: Telemetry;
  readonly sample: AuditSample;
  /** The join log: fails where an admission can't be kept. */
  readonly log: (id: string, facts: JoinFacts) => Promise<void>;
  readonly now: () => Date;
}

/** Makes the attempt. `isProbe` is asked of a refusal: whether it is the prober's own, which is counted apart. */
export async function auditedJoin<T>(
  attempt: (report: Report) => Promise<T>,
  isProbe: () => Promise<boolean>,
  { call, telemetry, sample, log, now }: AuditParts,
): Promise<T> {
  const started = performance.now();
  const client = call.client === undefined ? {} : { client: call.client };
  const facts: Partial<JoinEvent> = {};
  let isKnown = false;
  try {
    const answer = await attempt(({ known, ...told }) => {
      Object.assign(facts, told);
      isKnown ||= known === true;
    });
    const event = shortFacts({ outcome: 'admitted', ...facts } as const);
    await keep(event);
    audit(event);
    count(event, 'none');
    tellSecond(event);
    return answer;
  } catch (error) {
    const event = shortFacts({ ...(await failure(error, isProbe)), ...facts });
    const probed = event.outcome === 'probe';
    if (probed || isKnown || sample.take(now())) {
      await keep(event);
      audit(event);
    }
    count(event, reasonOf(error, event));
    throw error;
  }

  function passed(): number {
    return Math.round(performance.now() - started);
  }

  async function keep(event: Ended): Promise<void> {
    const { access_token_sha256: _, access_token_uti: __, outcome, ...told } = event;
    // The prober leaves no row behind.
    if (outcome !== 'probe') await log(call.requestId, { outcome, ...told, ...client });
  }

  function audit(event: Ended): void {
    const whole = { event: 'join', ...event, ...client, duration_ms: passed() } as const;
    telemetry.audit(whole, call.requestId, call.log);
  }

  function count(event: Ended, reason: Reason): void {
    const { outcome, join_method: method = 'none', system_role: role = 'none' } = event;
    const caller = isKnown ? 'known' : 'unknown';
    telemetry.measure('joins', 1, { method, role, outcome, reason, caller });
    telemetry.measure('join_milliseconds', passed(), { method, outcome });
    if (outcome === 'denied' && isTheftSign(event.reason)) tellTheft(event.reason, event);
  }

  /** The attempt's own line, of the same request id, says which machine it is. */
  function tellSecond(event: Ended): void {
    const { beside, join_method: method, system_role: role } = event;
    if (beside === undefined || method === undefined || role === undefined) return;
    const second = { event: 'second_instance', ...whose(event), beside } as const;
    telemetry.audit(second, call.requestId, call.log);
    telemetry.measure('second_instances', 1, { method, role });
  }

  function tellTheft(sign: TheftSign, event: Ended): void {
    telemetry.audit({ event: 'security', sign, ...whose(event) }, call.requestId, call.log);
    telemetry.measure('theft_signs', 1, { sign });
  }

  function whose({ join_token, bot, instance_id }: Ended) {
    return {
      ...(join_token !== undefined && { join_token }),
      ...(bot !== undefined && { bot }),
      ...(instance_id !== undefined && { instance_id }),
      ...client,
    };
  }
}

type Ended = Omit<JoinEvent, 'event'>;
type Reason = Dimensions<'joins'>['reason'];
type TheftSign = SecurityEvent['sign'];

const isTheftSign = (reason: JoinEvent['reason']): reason is TheftSign =>
  reason === 'secret_used' || reason === 'copied_identity';

async function failure(error: unknown, isProbe: () => Promise<boolean>): Promise<Ended> {
  if (!(error instanceof Refusal))
    return { outcome: 'failed', code: 'internal', detail: String(error) };
  const { code, reason, about } = error;
  const refused = code === 'access_denied' || code === 'bad_request';
  // Where the keys can't be read that tell, it counts as anybody's.
  const probe = refused && (await isProbe().catch(() => false));
  return {
    outcome: probe ? 'probe' : code === 'access_denied' ? 'denied' : 'failed',
    code,
    ...(reason === undefined ? {} : { reason }),
    ...about,
    detail: sentenceOf({ field: error.field ?? '', message: error.message }),
  };
}

function reasonOf(error: unknown, { outcome, code, reason }: Ended): Reason {
  if (outcome !== 'failed') return reason ?? 'none';
  if (error instanceof Refusal && error.callersDoing) return 'unavailable_to_caller';
  return JOIN_FAILURES.find((known) => known === code) ?? 'internal';
}
