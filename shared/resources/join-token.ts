/** `kind: token`, version 2: which machines may join, by which method, as what. The YAML of the guides. */
import * as z from 'zod/mini';
import { joinMethod, systemRole } from '../protocol/join.ts';
import { duration, guid, name, timestamp } from '../protocol/values.ts';

/** What an Azure resource group may be called. Compared without case. */
const resourceGroup = z
  .string()
  .check(z.regex(/^[\p{L}\p{N}._()-]{1,90}$/u, "expected a resource group's name"));

/** One way to match: every part that a rule names must hold. A rule that restricts nothing is refused (rule 9). */
export const allowRule = z
  .strictObject({
    tenant: z.optional(guid),
    subscription: z.optional(guid),
    resource_groups: z.optional(
      z
        .array(resourceGroup)
        .check(z.minLength(1, 'expected at least one resource group'), z.maxLength(100)),
    ),
  })
  .check(
    z.refine(
      (rule) => rule.tenant !== undefined || rule.subscription !== undefined,
      'expected a tenant, a subscription, or both: a rule that names neither would admit every machine of Azure',
    ),
  );
export type AllowRule = z.infer<typeof allowRule>;

export const joinToken = z.strictObject({
  kind: z.literal('token'),
  version: z.literal('v2'),
  metadata: z.strictObject({ name, expires: z.optional(timestamp) }),
  spec: z
    .strictObject({
      roles: z.array(systemRole).check(z.minLength(1, 'expected at least one role, such as [Bot]')),
      bot_name: z.optional(name),
      join_method: joinMethod,
      /** Upper limit of the certificates' lifetime. */
      max_ttl: z.optional(duration),
      azure: z.strictObject({
        allow: z
          .array(allowRule)
          .check(z.minLength(1, 'expected at least one rule'), z.maxLength(100)),
        /** `claims` does without the management API, and trusts claims that Microsoft does not document. */
        vm_binding: z.optional(z.enum(['strict', 'claims'])),
      }),
    })
    .check(
      z.refine((spec) => !spec.roles.includes('Bot') || spec.bot_name !== undefined, {
        path: ['bot_name'],
        error: "expected the bot's name, because roles has Bot",
      }),
      z.refine((spec) => spec.roles.includes('Bot') || spec.bot_name === undefined, {
        path: ['bot_name'],
        error: 'expected nothing, because roles has no Bot',
      }),
    ),
});
export type JoinToken = z.infer<typeof joinToken>;

/**
 * What decides who owns an instance can't be changed: instances that joined before would change hands.
 * Gives the first such field that differs.
 */
export function changedOwnership(before: JoinToken, after: JoinToken): string | undefined {
  if (before.spec.bot_name !== after.spec.bot_name) return 'spec.bot_name';
  if (before.spec.join_method !== after.spec.join_method) return 'spec.join_method';
  const roles = (token: JoinToken): string => [...new Set(token.spec.roles)].toSorted().join();
  return roles(before) === roles(after) ? undefined : 'spec.roles';
}
