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
    /** The machine's resource id: what the management API says of it is taken. Without a join token each of azure is tried. */
    resource_id: z.optional(text),
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
      ({ join, token, resource_id }) =>
        (join === undefined) !== (token === undefined && resource_id === undefined),
      'expected either join, or token, or a resource_id with or without token',
    ),
  );
export type ExplainRequest = z.infer<typeof explainRequest>;

/** `unknown` where it depends on what was not said. */
const verdict = z.enum(['admitted', 'denied', 'unknown']);

const steps = z.array(
  z.object({
    step: z.string(),
    result: z.enum(['ok', 'denied', 'unknown']),
    /** Why a join would be denied, as the join log names it. */
    reason: z.optional(z.string()),
    detail: z.string(),
  }),
);

export const explanation = z.object({
  verdict,
  steps,
  /** What would happen with each join token, where none was named. Then the verdict is the best of theirs. */
  tokens: z.optional(z.array(z.object({ token: name, verdict, steps }))),
});
export type Explanation = z.infer<typeof explanation>;
