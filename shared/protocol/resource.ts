/** Resources as they travel: the very shape of their YAML. What a kind's `spec` may hold is the broker's to check. */
import * as z from 'zod/mini';
import { joinSecret } from './evidence.ts';
import { name, timestamp } from './values.ts';

export const resourceKind = z.enum(['token', 'bot', 'role', 'lock']);
export type ResourceKind = z.infer<typeof resourceKind>;

export const resource = z.strictObject({
  kind: resourceKind,
  version: z.string(),
  metadata: z.strictObject({ name, expires: z.optional(timestamp) }),
  spec: z.record(z.string(), z.unknown()),
});
export type Resource = z.infer<typeof resource>;

/** What a write answers. A new join token of method `token` comes with its secret, which is shown this once. */
export const writtenResource = z.extend(resource, { secret: z.optional(joinSecret) });

/** One page of a list. `next` is passed back as `?next=` for the following page. */
export const resourcePage = z.object({ items: z.array(resource), next: z.optional(z.string()) });
export type ResourcePage = z.infer<typeof resourcePage>;
