/** `kind: bot`, version 1: an identity for a machine or a group of machines. */
import * as z from 'zod/mini';
import { metadata, VERSIONS } from '../protocol/resource.ts';
import { duration, name } from '../protocol/values.ts';
import { isPrincipal } from './principal.ts';

const trait = z
  .strictObject({
    name,
    values: z.array(z.string().check(z.minLength(1), z.maxLength(256))).check(z.maxLength(100)),
  })
  .check(({ value, issues }) => {
    const at = value.name === 'logins' ? value.values.findIndex((text) => !isPrincipal(text)) : -1;
    if (at < 0) return;
    const message = 'expected a login of letters, digits and . _ @ -';
    issues.push({ code: 'custom', input: value, path: ['values', at], message });
  });

export const bot = z.strictObject({
  kind: z.literal('bot'),
  version: z.literal(VERSIONS.bot),
  metadata,
  spec: z.strictObject({
    roles: z.array(name).check(z.maxLength(32)),
    traits: z.optional(z.array(trait).check(z.maxLength(32))),
    /** Upper limit of the certificates' lifetime. */
    max_session_ttl: z.optional(duration),
  }),
});
export type Bot = z.infer<typeof bot>;

/** The values of one of a bot's traits. */
export const traitValues = (subject: Bot, traitName: string): readonly string[] =>
  (subject.spec.traits ?? [])
    .filter(({ name }) => name === traitName)
    .flatMap(({ values }) => values);
