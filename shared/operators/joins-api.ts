/** What operators ask of the join log: one attempt, or those of a time, page by page. */
import * as z from 'zod/mini';
import { DENIAL_REASONS } from '../protocol/denial-reason.ts';
import { type LogVerification, verificationCursor } from '../protocol/join-log-verification.ts';
import { type JoinPage, type JoinRecord, joinOutcome, requestId } from '../protocol/join-record.ts';
import { parseTimestamp, timestamp } from '../protocol/values.ts';
import type { JoinLog } from '../storage/join-log.ts';
import type { JoinListQuery } from '../storage/join-log-lists.ts';
import { keptSince } from '../storage/join-log-places.ts';
import { parseQuery, periodOf } from './parse-field.ts';

export interface JoinsApi {
  /** `undefined` where the log has no such request. */
  find(id: string): Promise<JoinRecord | undefined>;
  /** One page, oldest first: it may be empty and name a next one. */
  list(query: Readonly<Record<string, string>>): Promise<JoinPage>;
  /** One page of looking whether the log is as it was written: of all that it keeps, unless a time is given. */
  verify(query: Readonly<Record<string, string>>): Promise<LogVerification>;
}

const text = z.string().check(z.minLength(1), z.maxLength(2048));

const joinQuery = z.strictObject({
  since: z.optional(timestamp),
  until: z.optional(timestamp),
  next: z.optional(requestId),
  bot: z.optional(text),
  token: z.optional(text),
  /** `vmId`, resource id, name of the virtual machine, instance id or ARN. */
  machine: z.optional(text),
  result: z.optional(joinOutcome),
  reason: z.optional(z.enum(DENIAL_REASONS)),
});
type JoinQuery = z.infer<typeof joinQuery>;

const verifyQuery = z.strictObject({
  since: z.optional(timestamp),
  until: z.optional(timestamp),
  next: z.optional(verificationCursor),
});

const DEFAULT_SECONDS = 3600;

export function createJoinsApi(
  { find, list, verify }: Pick<JoinLog, 'find' | 'list' | 'verify'>,
  now: () => Date,
): JoinsApi {
  return {
    find,
    async verify(asked) {
      const { since, until, next: after } = parseQuery(verifyQuery, asked);
      const whole = keptSince(now());
      return verify({
        since: parseTimestamp(since ?? '') ?? whole,
        until: parseTimestamp(until ?? '') ?? now(),
        after,
      });
    },
    async list(asked) {
      const query = parseQuery(joinQuery, asked);
      const period = periodOf(query, now(), DEFAULT_SECONDS);
      const refusedOnly = query.reason !== undefined || (query.result ?? 'admitted') !== 'admitted';
      const of = indexOf(query, refusedOnly);
      const page = await list({ ...period, after: query.next, refusedOnly, ...(of && { of }) });
      return { ...page, items: page.items.filter((record) => isAsked(record, query)) };
    },
  };
}

/** What reads least: a machine's attempts are few, refusals are few among those of a bot or a join token. */
function indexOf({ machine, bot, token }: JoinQuery, refusedOnly: boolean): JoinListQuery['of'] {
  if (machine !== undefined) return { by: 'machine', value: machine };
  if (refusedOnly) return undefined;
  if (bot !== undefined) return { by: 'bot', value: bot };
  return token === undefined ? undefined : { by: 'token', value: token };
}

function isAsked(record: JoinRecord, query: JoinQuery): boolean {
  return (
    (query.bot === undefined || record.bot === query.bot) &&
    (query.token === undefined || record.join_token === query.token) &&
    (query.result === undefined || record.outcome === query.result) &&
    (query.reason === undefined || record.reason === query.reason) &&
    (query.machine === undefined || isOf(query.machine.toLowerCase(), record))
  );
}

const isOf = (machine: string, record: JoinRecord): boolean =>
  [record.vm_id, record.claimed_vm_id, record.resource_id, record.instance_id, record.aws_arn].some(
    (known) => known?.toLowerCase() === machine,
  ) || record.resource_id?.toLowerCase().endsWith(`/${machine}`) === true;
