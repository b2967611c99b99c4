/** `kind: role`: which logins a bot's SSH certificates are good for, and how long certificates may live. */
import * as z from 'zod/mini';
import { metadata, VERSIONS } from '../protocol/resource.ts';
import { name, parseDuration } from '../protocol/values.ts';
import { type Bot, traitValues } from './bot.ts';
import { isPrincipal } from './principal.ts';
import { roleOptions } from './role-options.ts';

/** Stands for the values of the bot's trait `logins`. */
const INTERNAL_LOGINS = '{{internal.logins}}';

const ANY_NODE = 'expected {"*": "*"}: nothing here could enforce narrower node labels';

const isAnyNode = ({ '*': any, ...narrower }: Readonly<Record<string, unknown>>): boolean =>
  Object.keys(narrower).length === 0 && (Array.isArray(any) ? any.join() : any) === '*';

const login = z.string().check(
  z.refine((text) => text === INTERNAL_LOGINS || !text.includes('{{'), {
    error: `expected ${INTERNAL_LOGINS} (the bot's trait logins), which is the only template there is`,
    abort: true,
  }),
  z.refine(
    (text) => text === INTERNAL_LOGINS || isPrincipal(text),
    `expected a login of letters, digits and . _ @ -, or ${INTERNAL_LOGINS}`,
  ),
);

const nameOrAny = z.union([z.literal('*'), name], 'expected * or a name');

export const role = z.strictObject({
  kind: z.literal('role'),
  version: z.enum(VERSIONS.role),
  metadata,
  spec: z.strictObject({
    allow: z._default(
      z.strictObject({
        logins: z.optional(z.array(login).check(z.maxLength(100))),
        /** A certificate works on every host that trusts the authority, so nothing narrower can be promised. */
        node_labels: z.optional(
          z.record(z.string(), z.unknown(), ANY_NODE).check(z.refine(isAnyNode, ANY_NODE)),
        ),
        /** Shown by `joinctl get roles`; grants nothing: operators' rights come from the directory. */
        rules: z.optional(
          z
            .array(z.strictObject({ resources: z.array(nameOrAny), verbs: z.array(nameOrAny) }))
            .check(z.maxLength(100)),
        ),
      }),
      {},
    ),
    options: z.optional(roleOptions),
  }),
});
export type Role = z.infer<typeof role>;

/** The logins that a role gives a bot, without repeats. Values of traits that are no principals are left out. */
export function loginsOf(subject: Role, bot: Bot): string[] {
  const logins = (subject.spec.allow.logins ?? []).flatMap((text) =>
    text === INTERNAL_LOGINS
      ? traitValues(bot, 'logins').filter((value) => isPrincipal(value))
      : [text],
  );
  return [...new Set(logins)];
}

/** A role's or a bot's limit on certificates' lifetime, in seconds. */
export function maxSessionSeconds({ kind, spec }: Role | Bot): number {
  const limit = kind === 'bot' ? spec.max_session_ttl : spec.options?.max_session_ttl;
  return parseDuration(limit ?? '') ?? Number.POSITIVE_INFINITY;
}

/** Roles that every broker starts with. */
export const PRESET_ROLES: readonly Role[] = [
  preset(
    'access',
    {
      logins: [INTERNAL_LOGINS],
      node_labels: { '*': '*' },
      rules: [
        { resources: ['event'], verbs: ['list', 'read'] },
        { resources: ['session'], verbs: ['read', 'list'] },
      ],
    },
    // Somebody tries it by hand first.
    { permit_pty: true },
  ),
  preset('auditor', {
    rules: [
      { resources: ['session'], verbs: ['list', 'read'] },
      { resources: ['event'], verbs: ['list', 'read'] },
    ],
  }),
  preset('editor', {
    rules: [
      { resources: ['user'], verbs: ['list', 'create', 'read', 'update', 'delete'] },
      { resources: ['role'], verbs: ['list', 'create', 'read', 'update', 'delete'] },
      { resources: ['bot'], verbs: ['list', 'create', 'read', 'update', 'delete'] },
      { resources: ['token'], verbs: ['list', 'create', 'read', 'update', 'delete'] },
    ],
  }),
];

function preset(
  roleName: string,
  allow: Role['spec']['allow'],
  options?: Role['spec']['options'],
): Role {
  const spec = { allow, ...(options && { options }) };
  return { kind: 'role', version: 'v7', metadata: { name: roleName }, spec };
}
