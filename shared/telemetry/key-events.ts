/** What happened to the broker's keys, told wherever it happens: by the timer, or by a request that found keys missing. */
import { kindName } from '../authority/missing-authority.ts';
import type { RotationReport } from '../authority/rotate.ts';
import type { Call } from '../call.ts';
import type { Telemetry } from './telemetry.ts';

/** Tells each thing that was done once; what is ignored or lost only when it is not what was told last. */
export function keyEvents(
  telemetry: Telemetry,
): (report: RotationReport, call?: Pick<Call, 'requestId' | 'log'>) => void {
  let told = JSON.stringify([[], []]);
  return ({ done, ignored, lost }, { requestId, log } = { requestId: 'none' }) => {
    const missing = lost.map(kindName);
    telemetry.measure('keys_amiss', missing.length, { trouble: 'lost' });
    telemetry.measure('keys_amiss', ignored.length, { trouble: 'ignored' });
    const amiss = JSON.stringify([ignored, missing]);
    if (done.length === 0 && amiss === told) return;
    const changed = amiss !== told;
    told = amiss;
    const actions = done.map((action) => `${action.kind} ${nameOf(action)}${endsOf(action)}`);
    telemetry.audit(
      {
        event: 'keys',
        actions,
        ...(changed && ignored.length > 0 && { ignored: ignored.slice(0, MOST_NAMES) }),
        ...(changed && missing.length > 0 && { lost: missing }),
      },
      requestId,
      log,
    );
  };
}

/** Somebody who can write to the table can write a million rows. */
const MOST_NAMES = 50;

/** A leak that was answered. */
const endsOf = (action: RotationReport['done'][number]): string =>
  action.kind === 'create' && action.ends ? `, an end to ${action.ends.join(' and ')}` : '';

const nameOf = (action: RotationReport['done'][number]): string =>
  action.kind === 'mark'
    ? `${action.owner} ${action.highest}`
    : `${action.owner} ${action.sequence}`;
