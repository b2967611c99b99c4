/** Whether the broker can do its work: each check is measured, and asked at most every five seconds. */
import { unavailable } from '../refusal.ts';
import { remembered } from '../remembered.ts';
import type { Dimensions } from './metrics.ts';
import type { Telemetry } from './telemetry.ts';

type Check = Dimensions<'readiness'>['check'];

const SECONDS = 5;

/** Throws `unavailable` with the check that failed. */
export function readiness(
  checks: Readonly<Record<Check, () => Promise<unknown>>>,
  telemetry: Telemetry,
  now: () => Date,
  /** What of the authority is missing, if anything is. */
  missingAuthority: () => string | undefined = () => undefined,
): () => Promise<void> {
  async function check(name: Check, ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
      telemetry.measure('readiness', 1, { check: name });
    } catch (error) {
      telemetry.measure('readiness', 0, { check: name });
      const missing = name === 'signing_keys' ? missingAuthority() : undefined;
      const why = missing === undefined ? '' : `: ${missing}`;
      throw unavailable(`not ready: ${name.replace('_', ' ')}${why}`, 5, error);
    }
  }
  const all = remembered(SECONDS, now, async (_: undefined): Promise<void> => {
    for (const [name, ask] of Object.entries(checks)) await check(name as Check, ask);
  });
  return () => all(undefined);
}
