/** The `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date. */
const LONGEST_MS = 120_000;

/** How long to wait, at most two minutes; `undefined` where the header says nothing usable. */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_MS);
}
