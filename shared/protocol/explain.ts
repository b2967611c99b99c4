/** `POST /v1/explain`: what would happen to a machine with given facts. No certificate is made, nothing is changed. */
import * as z from 'zod/mini';
import { systemRole } from './join.ts';
import { requestId } from './join-record.ts';
import { guid, name } from './values.ts';

const text = z.string().check(z.minLength(1), z.maxLength(2048));

/** Facts that are left out are not known: a rule that asks for one may match. */
export const explainRequest = z
  .strictObject({
    /** An attempt of the join log, whose facts are held against what the resources say now. */
    join: z.optional(requestId),
    token: z.optional(name),
    role: z.optional(systemRole),
    tenant: z.optional(guid),
    subscription: z.optional(guid),
    resource_group: z.optional(text),
    vm_name: z.optional(text),
    vm_id: z.optional(guid),
    scale_set: z.optional(text),
    location: z.optional(text),
    /** Principal id, client id or resource id of the managed identity. */
    identity: z.optional(text),
    tags: z.optional(z.record(text, z.string().check(z.maxLength(256)))),
    aws_account: z.optional(text),
    aws_arn: z.optional(text),
  })
  .check(
    z.refine(
      ({ join, token }) => (join === undefined) !== (token === undefined),
      'expected either token or join',
    ),
  );
export type ExplainRequest = z.infer<typeof explainRequest>;

export const explanation = z.object({
  /** `unknown` where it depends on what was not said. */
  verdict: z.enum(['admitted', 'denied', 'unknown']),
  steps: z.array(
    z.object({
      step: z.string(),
      result: z.enum(['ok', 'denied', 'unknown']),
      /** Why a join would be denied, as the join log names it. */
      reason: z.optional(z.string()),
      detail: z.string(),
    }),
  ),
});
export type Explanation = z.infer<typeof explanation>;
