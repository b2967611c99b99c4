/** What came on the revocation lists, and how old they are. */
import type { Call } from '../call.ts';
import type { RevokedInstance } from '../storage/revoked.ts';
import type { Dimensions } from './metrics.ts';
import type { Telemetry } from './telemetry.ts';

type Told = Pick<Call, 'requestId' | 'log'>;

export interface RevocationEvents {
  revoked(instances: readonly RevokedInstance[], call: Told): void;
  ran(result: Dimensions<'revocation_runs'>['result']): void;
  failed(detail: string, call: Told): void;
  size(bytes: number): void;
  age(list: Dimensions<'revocation_list_age_hours'>['list'], seconds: number): void;
}

/** A lock may be on ten thousand instances: the lists say which, the log says that it was so. */
const MOST_LINES = 100;
/** Of one instance; it has rarely more than ten. */
const MOST_SERIALS = 50;

export const revocationEvents = (telemetry: Telemetry): RevocationEvents => ({
  revoked(instances, { requestId, log }) {
    for (const { reason, serials } of instances)
      telemetry.measure('revoked_certificates', serials.length, { reason });
    for (const { owner, id, reason, by, serials } of instances.slice(0, MOST_LINES)) {
      const what = { event: 'revocation', owner, instance_id: id, reason } as const;
      const listed = serials.slice(0, MOST_SERIALS).map(({ serial }) => serial);
      telemetry.audit({ ...what, ...(by !== '' && { by }), serials: listed }, requestId, log);
    }
    const not_told = instances.length - MOST_LINES;
    if (not_told > 0) telemetry.audit({ event: 'revocation', not_told }, requestId, log);
  },
  ran: (result) => telemetry.measure('revocation_runs', 1, { result }),
  failed: (detail, { requestId, log }) =>
    telemetry.audit({ event: 'failure', detail }, requestId, log),
  size: (bytes) => telemetry.measure('revocation_list_bytes', bytes, {}),
  age: (list, seconds) =>
    telemetry.measure('revocation_list_age_hours', Math.max(0, seconds) / 3600, { list }),
});
