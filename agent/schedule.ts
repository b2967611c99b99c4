/** When to renew. Times are milliseconds. */
import { backoffDelay } from './retry.ts';

const SHORTEST_MS = 5000;
const AFTER_FAILURE = { firstMs: 10_000, mostMs: 300_000 };

/** The wait after a success: the interval, up to a tenth shorter, and never beyond half of what is left of the life. */
export function untilRenewal(
  { intervalMs, expires, now }: { intervalMs: number; expires: Date; now: Date },
  random: () => number,
): number {
  const interval = intervalMs * (1 - random() / 10);
  const halfOfLife = (expires.getTime() - now.getTime()) / 2;
  return Math.round(Math.max(Math.min(interval, halfOfLife), SHORTEST_MS));
}

/** The wait after so many failures in a row. */
export const untilNextTry = (failures: number, random: () => number): number =>
  Math.max(backoffDelay(failures, AFTER_FAILURE, random), SHORTEST_MS);
