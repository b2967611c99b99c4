/** `kind: token`, version 2: which machines may join, by which method, as what. The YAML of the guides. */
import * as z from 'zod/mini';
import { joinMethod, systemRole } from '../protocol/join.ts';
import { metadata, VERSIONS } from '../protocol/resource.ts';
import { duration, name, sha256Hex } from '../protocol/values.ts';
import { awsAllowRule } from './aws-allow-rules.ts';
import { azureAllowRule, needsManagementApi } from './azure-allow-rules.ts';
import { hostNameTemplates, needsFacts } from './host-names.ts';

/** A first join looks at each of them. */
const MOST_MACHINES = 500;

const common = {
  roles: z.array(systemRole).check(z.minLength(1, 'expected at least one role, such as [Bot]')),
  bot_name: z.optional(name),
  /** Upper limit of the certificates' lifetime. */
  max_ttl: z.optional(duration),
  /** How many machines may have live instances of it at once. */
  max_machines: z.optional(
    z.int('expected a whole number').check(z.minimum(1), z.maximum(MOST_MACHINES)),
  ),
  /** Templates of the names of hosts, for system roles other than Bot. */
  host_names: z.optional(hostNameTemplates),
};

const rulesOf = <T extends z.ZodMiniType>(rule: T) =>
  z.array(rule).check(z.minLength(1, 'expected at least one rule'), z.maxLength(100));

/** What a join token says for each join method, beside what all have in common. */
const azureSpec = z.strictObject({
  ...common,
  join_method: z.literal('azure'),
  azure: z
    .strictObject({
      allow: rulesOf(azureAllowRule),
      /** `claims` does without the management API, and trusts claims that Microsoft does not document. */
      vm_binding: z.optional(z.enum(['strict', 'claims'])),
    })
    .check(
      z.refine(
        ({ allow, vm_binding }) => vm_binding !== 'claims' || !allow.some(needsManagementApi),
        {
          path: ['vm_binding'],
          error:
            'expected strict, because only the management API knows names, scale sets, identities, locations and tags of machines',
        },
      ),
    ),
});

const iamSpec = z.strictObject({
  ...common,
  join_method: z.literal('iam'),
  allow: rulesOf(awsAllowRule),
});

const tokenSpec = z.strictObject({
  ...common,
  join_method: z.literal('token'),
  /** SHA-256 of the secret, which the broker makes and shows once. Set by the broker alone. */
  secret_sha256: z.optional(sha256Hex),
});

type Said = z.infer<typeof azureSpec> | z.infer<typeof iamSpec> | z.infer<typeof tokenSpec>;

const joinsHosts = ({ roles }: Said): boolean => roles.some((role) => role !== 'Bot');
/** Whether names can be made of what the join method proves. */
const attestsNames = ({ join_method }: Said): boolean => join_method === 'azure';

const spec = z
  .discriminatedUnion('join_method', [azureSpec, iamSpec, tokenSpec], {
    error: `expected one of the join methods ${joinMethod.options.join(', ')}`,
  })
  .check(
    z.refine(({ roles, bot_name }) => !roles.includes('Bot') || bot_name !== undefined, {
      path: ['bot_name'],
      error: "expected the bot's name, because roles has Bot",
    }),
    z.refine(({ roles, bot_name }) => roles.includes('Bot') || bot_name === undefined, {
      path: ['bot_name'],
      error: 'expected nothing, because roles has no Bot',
    }),
    z.refine((said) => said.host_names === undefined || joinsHosts(said), {
      path: ['host_names'],
      error: 'expected nothing, because roles has Bot only',
    }),
    z.refine((said) => !joinsHosts(said) || attestsNames(said) || said.host_names !== undefined, {
      path: ['host_names'],
      error: 'expected at least one name, because this join method attests none',
    }),
    z.refine((said) => attestsNames(said) || !said.host_names?.some(needsFacts), {
      path: ['host_names'],
      error:
        'expected names without placeholders other than {{cluster}}: this join method attests nothing to fill in',
    }),
    z.refine((said) => said.join_method !== 'token' || said.max_machines === undefined, {
      path: ['max_machines'],
      error: 'expected nothing: a secret is good for one instance',
    }),
    // Each role's instances are apart: the secret would be good for a first join as each of them.
    z.refine((said) => said.join_method !== 'token' || new Set(said.roles).size === 1, {
      path: ['roles'],
      error: 'expected one role: a secret is good for one first join',
    }),
    z.refine(
      (said) =>
        said.join_method !== 'azure' || !joinsHosts(said) || said.azure.vm_binding !== 'claims',
      {
        path: ['azure', 'vm_binding'],
        error: 'expected strict, because the names of hosts rest on what the management API says',
      },
    ),
  );

export const joinToken = z
  .strictObject({
    kind: z.literal('token'),
    version: z.literal(VERSIONS.token),
    metadata,
    spec,
  })
  .check(
    z.refine(
      (token) => token.spec.join_method !== 'token' || token.metadata.expires !== undefined,
      {
        path: ['metadata', 'expires'],
        error: 'expected a time, because a join token with a secret must end',
      },
    ),
  );
export type JoinToken = z.infer<typeof joinToken>;

/**
 * What decides who owns an instance can't be changed: instances that joined before would change hands. A secret and its
 * end stay what they were, too: one that is used up must not come back to life. Gives the first such field that differs.
 */
export function changedOwnership(before: JoinToken, after: JoinToken): string | undefined {
  if (before.spec.bot_name !== after.spec.bot_name) return 'spec.bot_name';
  if (before.spec.join_method !== after.spec.join_method) return 'spec.join_method';
  const roles = (token: JoinToken): string => [...new Set(token.spec.roles)].toSorted().join();
  if (roles(before) !== roles(after)) return 'spec.roles';
  if (before.spec.join_method !== 'token' || after.spec.join_method !== 'token') return undefined;
  if (before.spec.secret_sha256 !== after.spec.secret_sha256) return 'spec.secret_sha256';
  return before.metadata.expires === after.metadata.expires ? undefined : 'metadata.expires';
}
