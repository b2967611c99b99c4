/** Resources as they travel: the very shape of their YAML. What a kind's `spec` may hold is the broker's to check. */
import * as z from 'zod/mini';
import { joinSecret } from './evidence.ts';
import { name, timestamp } from './values.ts';

export const resourceKind = z.enum([
  'token',
  'bot',
  'role',
  'lock',
  'azure_root',
  'azure_denied_signer',
]);
export type ResourceKind = z.infer<typeof resourceKind>;

/** The versions that each kind is written in. */
export const VERSIONS = {
  token: ['v2'],
  bot: ['v1'],
  role: ['v3', 'v4', 'v5', 'v6', 'v7', 'v8'],
  lock: ['v2'],
  azure_root: ['v1'],
  azure_denied_signer: ['v1'],
} as const satisfies Record<ResourceKind, readonly string[]>;

const text = (most: number) =>
  z
    .string()
    .check(z.maxLength(most), z.regex(/^[^\p{Cc}]*$/u, 'expected text without control characters'));

const MOST_LABELS = 64;

/** What every kind has. Description and labels are the operators' own: kept and shown, and nothing depends on them. */
export const metadata = z.strictObject({
  name,
  expires: z.optional(timestamp),
  /** Which version this is. Set by the broker; a replacement that names another one than there is now is refused. */
  revision: z.optional(
    z
      .string()
      .check(z.regex(/^[\x21-\x7e]{1,128}$/, 'expected a revision as joinctl get prints it')),
  ),
  description: z.optional(text(500)),
  labels: z.optional(
    z
      .record(text(128), text(256))
      .check(
        z.refine(
          (labels) => Object.keys(labels).length <= MOST_LABELS,
          `expected at most ${MOST_LABELS} labels`,
        ),
      ),
  ),
});

export const resource = z.strictObject({
  kind: resourceKind,
  version: z.string(),
  metadata,
  spec: z.record(z.string(), z.unknown()),
});
export type Resource = z.infer<typeof resource>;

const resourceWarning = z.object({
  field: z.string(),
  message: z.string(),
  /** What the field names and does not exist. */
  missing: z.optional(z.object({ kind: resourceKind, name })),
});

/** What a write answers. A new join token of method `token` comes with its secret, which is shown this once. */
export const writtenResource = z.extend(resource, {
  secret: z.optional(joinSecret),
  /** What was left out, and what may not be as it was meant. */
  warnings: z.optional(z.array(resourceWarning)),
});
export type ResourceWarning = z.infer<typeof resourceWarning>;

/** One page of a list. `next` is passed back as `?next=` for the following page. */
export const resourcePage = z.object({ items: z.array(resource), next: z.optional(z.string()) });
export type ResourcePage = z.infer<typeof resourcePage>;
