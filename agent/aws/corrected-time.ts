/** The time to sign with on a machine whose clock is off: AWS and the broker accept a signature for minutes only. */

/**
 * The time that another machine's `Date` header says (RFC 9110 section 6.6.1), for an answer that came just now; this machine's
 * own time where the header says nothing usable.
 */
export function correctedTime(dateHeader: string | undefined, now: Date): Date {
  const said = new Date(dateHeader ?? '');
  const exact = !Number.isNaN(said.getTime()) && said.toUTCString() === dateHeader;
  return exact ? said : now;
}
