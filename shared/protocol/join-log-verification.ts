/** `GET /v1/join-log/verification`: whether the join log is as it was written. */
import * as z from 'zod/mini';

export const logProblem = z.object({
  /**
   * `changed`: the row is not what was written. `missing`: the row was written and is gone. `not ours`: it was not written by the
   * broker. `not listed`: a refusal that lists of refusals leave out, because storage failed or somebody removed its second row.
   * `other key`: written under a data key that was given up, so nobody can tell. `anchor`: an anchor or a writer's mark is wrong
   * or gone.
   */
  what: z.enum(['changed', 'missing', 'not ours', 'not listed', 'other key', 'anchor']),
  request_id: z.optional(z.string()),
  name: z.optional(z.string()),
});
export type LogProblem = z.infer<typeof logProblem>;

export const logVerification = z.object({
  /** How many rows were looked at. */
  checked: z.int(),
  /** The first hundred of this page. */
  problems: z.readonly(z.array(logProblem)),
  /** How many there are on this page. */
  found: z.int(),
  /** The newest anchor: the broker's own log has it, too. */
  anchor: z.optional(z.object({ key: z.string(), mac: z.string() })),
  /** The name of the oldest anchor: the broker's own log of the last 30 days has none before it. */
  oldest_anchor: z.optional(z.string()),
  /** How often anchors were written from then on: the broker's own log has as many. */
  anchors: z.optional(z.int()),
  /** Passed back as `?next=` for the following page. */
  next: z.optional(z.string()),
});
export type LogVerification = z.infer<typeof logVerification>;

/** What a page names as its next one. */
export const verificationCursor = z
  .string()
  .check(z.regex(/^\d{8}T\d{4}~$/, 'expected what the page before names as next'));
