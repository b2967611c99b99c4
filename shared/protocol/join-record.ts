/** `GET /v1/joins/{request id}`: one attempt to join, as the join log keeps it for operators. */
import * as z from 'zod/mini';
import { guid, timestamp } from './values.ts';

/** A request id: a UUID of version 7, in lower case. */
export const requestId = z
  .string()
  .check(
    z.regex(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      'expected a request id, such as 01a1fa95-c122-7a58-aa32-c69cc852cfc7',
    ),
  );

export const joinOutcome = z.enum(['admitted', 'denied', 'failed']);

/** What became of it, why, and what was known of the machine by then. */
export const joinRecord = z.object({
  request_id: requestId,
  time: timestamp,
  outcome: joinOutcome,
  code: z.optional(z.string()),
  reason: z.optional(z.string()),
  detail: z.optional(z.string()),
  join_token: z.optional(z.string()),
  join_method: z.optional(z.string()),
  system_role: z.optional(z.string()),
  bot: z.optional(z.string()),
  instance_id: z.optional(guid),
  generation: z.optional(z.int()),
  vm_id: z.optional(guid),
  subscription: z.optional(guid),
  tenant: z.optional(guid),
  resource_id: z.optional(z.string()),
  identity: z.optional(guid),
  vm_binding: z.optional(z.string()),
  document_signer: z.optional(z.string()),
  /** The added root that alone explains the attested document. */
  azure_root: z.optional(z.string()),
  rule: z.optional(z.string()),
  claimed_vm_id: z.optional(guid),
  claimed_subscription: z.optional(guid),
  claimed_resource_id: z.optional(z.string()),
  claimed_tenant: z.optional(guid),
  token_audience: z.optional(z.string()),
  aws_account: z.optional(z.string()),
  aws_arn: z.optional(z.string()),
  aws_access_key_id: z.optional(z.string()),
  audit_rules: z.optional(z.readonly(z.array(z.int()))),
  names: z.optional(z.readonly(z.array(z.string()))),
  took_over: z.optional(guid),
  beside: z.optional(z.readonly(z.array(guid))),
  serials: z.optional(z.readonly(z.array(z.string()))),
  expires: z.optional(z.readonly(z.array(timestamp))),
  key_sha256: z.optional(z.readonly(z.array(z.string()))),
  ssh_keys: z.optional(z.readonly(z.array(z.string()))),
  roles: z.optional(z.readonly(z.array(z.string()))),
  logins: z.optional(z.readonly(z.array(z.string()))),
  /** What stood in the way. */
  lock: z.optional(z.string()),
  denied_role: z.optional(z.string()),
  denied_role_is: z.optional(z.enum(["not the bot's", 'missing', 'expired'])),
  denied_name: z.optional(z.string()),
  denied_signer: z.optional(z.string()),
  client: z.optional(z.string()),
});
export type JoinRecord = z.infer<typeof joinRecord>;

/** One page of a list, oldest first. `next` is passed back as `?next=`; a page may be empty and name a next one. */
export const joinPage = z.object({
  items: z.array(joinRecord),
  next: z.optional(requestId),
});
export type JoinPage = z.infer<typeof joinPage>;

/** What an attempt leaves in the join log. */
export type JoinFacts = Omit<JoinRecord, 'request_id' | 'time'>;
