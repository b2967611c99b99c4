/**
 * Which attempts of unknown callers leave an audit line: so many a minute of one function instance, since each costs the
 * operator money and the caller nothing. None is lost from the count.
 */
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface AuditSample {
  /** Whether this attempt may leave its line. Counts it if not. */
  take(at: Date): boolean;
  /** Tells how many lines were not written since it was told last. */
  tell(): void;
}

const MINUTE_MS = 60_000;

/** `perMinute` 0: every line is written. */
export function createAuditSample(perMinute: number, telemetry: Telemetry): AuditSample {
  let minute = 0;
  let written = 0;
  let missing = 0;

  function tell(): void {
    if (missing > 0) telemetry.audit({ event: 'sampled', not_written: missing }, 'none');
    missing = 0;
  }

  return {
    take(at) {
      if (perMinute === 0) return true;
      const now = Math.floor(at.getTime() / MINUTE_MS);
      if (now > minute) {
        minute = now;
        written = 0;
        tell();
      }
      if (written < perMinute) {
        written += 1;
        return true;
      }
      missing += 1;
      telemetry.measure('audit_lines_not_written', 1, {});
      return false;
    },
    tell,
  };
}
