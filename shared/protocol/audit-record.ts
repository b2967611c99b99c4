/** `GET /v1/audit`: what operators changed, or were refused, and what the broker changed by itself. */
import * as z from 'zod/mini';
import { requestId } from './join-record.ts';
import { sha256Hex, timestamp } from './values.ts';

/** `read`: what only an operator of authorities may see, such as a backup of the keys. */
export const auditAction = z.enum(['create', 'replace', 'delete', 'read']);

/** `begun`: the outcome is not known, because the broker ended in between, or failed (`code`); the resource itself shows it. */
export const auditOutcome = z.enum(['begun', 'done', 'refused']);

export const auditRecord = z.object({
  /** The id of the request that made the change. */
  request_id: requestId,
  time: timestamp,
  action: auditAction,
  /** Such as `bot/example`, `instance/bot:example/<id>`, `name/<host name>` or `authorities`. */
  resource: z.string(),
  outcome: auditOutcome,
  /** Why it was refused, or with what it failed. */
  code: z.optional(z.string()),
  /** Object id of the user or service principal; absent: the broker itself. */
  operator: z.optional(z.string()),
  /** As the directory names it: an address, or the client id of an application. */
  operator_name: z.optional(z.string()),
  /** Paths of the fields that a replacement changed, as many as fit; `…`: there are more. */
  changed: z.optional(z.readonly(z.array(z.string()))),
  /** The resource's JSON before and after, without secrets; where it is too long, the changed fields by their paths, or cut (`…`). */
  before: z.optional(z.string()),
  after: z.optional(z.string()),
  /** Of the whole JSON without secrets, also where it was cut. */
  before_sha256: z.optional(sha256Hex),
  after_sha256: z.optional(sha256Hex),
});
export type AuditRecord = z.infer<typeof auditRecord>;

/** One page, oldest first. `next` is passed back as `?next=`; a page may be empty and name a next one. */
export const auditPage = z.object({ items: z.array(auditRecord), next: z.optional(requestId) });
export type AuditPage = z.infer<typeof auditPage>;
