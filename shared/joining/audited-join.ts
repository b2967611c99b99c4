/** What is told about an attempt to join, however it ends: one audit event, the metrics of joins, the join log. */
import type { Call } from '../call.ts';
import type { JoinFacts } from '../protocol/join-record.ts';
import { sentenceOf } from '../protocol/schema.ts';
import { JOIN_FAILURES, type JoinFailure, Refusal } from '../refusal.ts';
import type { JoinEvent, SecurityEvent, Telemetry } from '../telemetry/telemetry.ts';
import type { Report } from './report.ts';

/** Makes the attempt. `isProbe` says whether it is the prober's own: then its denial is counted apart. */
export async function auditedJoin<T>(
  attempt: (report: Report) => Promise<T>,
  isProbe: () => Promise<boolean>,
  call: Call,
  telemetry: Telemetry,
  log: (id: string, facts: JoinFacts) => void,
): Promise<T> {
  const started = performance.now();
  const facts: Partial<JoinEvent> = {};
  let probe = false;
  try {
    probe = await isProbe();
    const answer = await attempt((known) => Object.assign(facts, known));
    tell({ outcome: 'admitted', ...facts });
    return answer;
  } catch (error) {
    tell({ ...failure(error, probe), ...facts });
    throw error;
  }

  function tell(event: Omit<JoinEvent, 'event'>): void {
    const duration_ms = Math.round(performance.now() - started);
    const client = call.client === undefined ? {} : { client: call.client };
    telemetry.audit({ event: 'join', ...event, ...client, duration_ms }, call.requestId, call.log);
    const { outcome, access_token_sha256: _, access_token_uti: __, ...told } = event;
    // The prober leaves nothing behind.
    if (outcome !== 'probe') log(call.requestId, { outcome, ...told, ...client });
    const { join_method: method = 'none', system_role: role = 'none', code } = event;
    const reason = outcome === 'failed' ? failureOf(code) : (event.reason ?? 'none');
    telemetry.measure('joins', 1, { method, role, outcome, reason });
    telemetry.measure('join_milliseconds', duration_ms, { method, outcome });
    if (outcome === 'denied' && isTheftSign(event.reason)) tellTheft(event.reason, event);
  }

  function tellTheft(
    sign: TheftSign,
    { join_token, bot, instance_id }: Omit<JoinEvent, 'event'>,
  ): void {
    const who = {
      ...(join_token !== undefined && { join_token }),
      ...(bot !== undefined && { bot }),
      ...(instance_id !== undefined && { instance_id }),
      ...(call.client !== undefined && { client: call.client }),
    };
    telemetry.audit({ event: 'security', sign, ...who }, call.requestId, call.log);
    telemetry.measure('theft_signs', 1, { sign });
  }
}

type TheftSign = SecurityEvent['sign'];

const isTheftSign = (reason: JoinEvent['reason']): reason is TheftSign =>
  reason === 'secret_used' || reason === 'copied_identity';

function failure(error: unknown, probe: boolean): Omit<JoinEvent, 'event'> {
  if (!(error instanceof Refusal))
    return { outcome: 'failed', code: 'internal', detail: String(error) };
  const { code, reason } = error;
  const refused = code === 'access_denied' || code === 'bad_request';
  return {
    outcome: probe && refused ? 'probe' : code === 'access_denied' ? 'denied' : 'failed',
    code,
    ...(reason === undefined ? {} : { reason }),
    detail: sentenceOf({ field: error.field ?? '', message: error.message }),
  };
}

const failureOf = (code: JoinEvent['code']): JoinFailure =>
  JOIN_FAILURES.find((known) => known === code) ?? 'internal';
