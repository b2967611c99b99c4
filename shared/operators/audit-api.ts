/** What operators ask of the audit: one change, or those of a time, page by page. */
import * as z from 'zod/mini';
import {
  type AuditPage,
  type AuditRecord,
  auditAction,
  auditOutcome,
} from '../protocol/audit-record.ts';
import { requestId } from '../protocol/join-record.ts';
import { timestamp } from '../protocol/values.ts';
import { Refusal } from '../refusal.ts';
import type { AuditLog } from '../storage/audit-log.ts';
import { parseField, parseQuery, periodOf } from './parse-field.ts';

export interface AuditApi {
  /** Throws `bad_request` or `not_found`. */
  get(id: string): Promise<AuditRecord>;
  /** One page, oldest first: it may be empty and name a next one. */
  list(query: Readonly<Record<string, string>>): Promise<AuditPage>;
}

const text = z.string().check(z.minLength(1), z.maxLength(256));

const auditQuery = z.strictObject({
  since: z.optional(timestamp),
  until: z.optional(timestamp),
  next: z.optional(requestId),
  /** Object id or name. */
  operator: z.optional(text),
  /** `bot/example`, or the kind alone. */
  resource: z.optional(text),
  action: z.optional(auditAction),
  outcome: z.optional(auditOutcome),
});
type AuditQuery = z.infer<typeof auditQuery>;

const DEFAULT_SECONDS = 24 * 3600;

export function createAuditApi(
  { find, list }: Pick<AuditLog, 'find' | 'list'>,
  now: () => Date,
): AuditApi {
  return {
    async get(id) {
      const record = await find(parseField(requestId, 'id', id.toLowerCase()));
      if (record) return record;
      throw new Refusal('not_found', 'the audit has no such change: it keeps them for 400 days');
    },
    async list(asked) {
      const query = parseQuery(auditQuery, asked);
      const period = periodOf(query, now(), DEFAULT_SECONDS);
      const page = await list({ ...period, after: query.next });
      return { ...page, items: page.items.filter((record) => isAsked(record, query)) };
    },
  };
}

const isAsked = (record: AuditRecord, query: AuditQuery): boolean =>
  (query.operator === undefined ||
    [record.operator, record.operator_name].some(
      (known) => known?.toLowerCase() === query.operator?.toLowerCase(),
    )) &&
  (query.resource === undefined ||
    record.resource === query.resource ||
    record.resource.startsWith(`${query.resource}/`)) &&
  (query.action === undefined || record.action === query.action) &&
  (query.outcome === undefined || record.outcome === query.outcome);
