import { describe, expect, test } from 'vitest';
import { changedOwnership, type JoinToken } from '../../../shared/resources/join-token.ts';
import { specOf } from '../../../shared/resources/join-token-spec.ts';
import { parseResource } from '../../../shared/resources/resource.ts';
import { refusalOf } from './refused.ts';
import { joinToken, SUBSCRIPTION } from './samples.ts';

describe('join tokens of the guides', () => {
  // Guide 001.
  test('a bot of one resource group', () => {
    expect(parseResource(joinToken)).toEqual({ ok: true, value: joinToken });
  });

  // Guide 004.
  test('a node of several subscriptions', () => {
    const token = {
      kind: 'token',
      version: 'v2',
      metadata: { name: 'azure-token' },
      spec: {
        roles: ['Node'],
        join_method: 'azure',
        azure: {
          allow: [
            { subscription: '11111111-1111-1111-1111-111111111111' },
            { subscription: '22222222-2222-2222-2222-222222222222' },
            {
              subscription: '33333333-3333-3333-3333-333333333333',
              resource_groups: ['group1', 'group2'],
            },
          ],
        },
      },
    };
    expect(parseResource(token)).toEqual({ ok: true, value: token });
  });
});

const { azure: AZURE } = specOf(joinToken, 'azure');

/** A join token whose `spec`, `spec.azure` or only rule is another one. */
const withSpec = (spec: object): object => ({ spec: { ...joinToken.spec, ...spec } });
const withAzure = (azure: object): object => withSpec({ azure: { ...AZURE, ...azure } });
const withRule = (rule: object): object => withAzure({ allow: [rule] });

describe('may say more', () => {
  test.each<[string, object]>([
    ['when it ends', { metadata: { name: 'a', expires: '3000-01-01T00:00:00Z' } }],
    ['how long certificates live', withSpec({ max_ttl: '8h' })],
    ['how machines are bound', withAzure({ vm_binding: 'claims' })],
    ['a tenant alone', withRule({ tenant: SUBSCRIPTION })],
    [
      'every letter of a group',
      withRule({ subscription: SUBSCRIPTION, resource_groups: ['AéßЖ1._-()'] }),
    ],
    ['that nodes and proxies join', withSpec({ roles: ['Node', 'Proxy'], bot_name: undefined })],
    ['that bots and nodes join', withSpec({ roles: ['Bot', 'Node'] })],
  ])('%s', (_, change) => {
    expect(refusalOf(joinToken, change)).toBe('accepted');
  });

  test('GUIDs in any case: they are kept in lower case', () => {
    const subscription = 'ABCDEF00-1111-2222-3333-444444444444';
    expect(parseResource({ ...joinToken, ...withRule({ subscription }) })).toMatchObject({
      value: { spec: { azure: { allow: [{ subscription: subscription.toLowerCase() }] } } },
    });
  });
});

const NAME = 'expected 1 to 63 letters, digits, dots, dashes or underscores';
const GROUP = "expected a resource group's whole name";
const NOT_PLAIN =
  'spec.azure.allow[0].resource_groups[0]: expected letters that have one lower and one upper case at most: this name could be taken for another one';
const NO_LIMITS =
  'expected a tenant, a subscription, or both: a rule that names neither would admit every machine of Azure';
const group = (name: string) => withRule({ subscription: SUBSCRIPTION, resource_groups: [name] });

describe('is refused with', () => {
  test.each<[string, object, string]>([
    ['another version', { version: 'v3' }, 'version: expected "v2"'],
    ['no name', { metadata: {} }, 'metadata.name: missing; expected text'],
    ['a bad name', { metadata: { name: 'a b' } }, `metadata.name: ${NAME}`],
    [
      'labels',
      { metadata: { name: 'a', label: {} } },
      'metadata.label: unknown field; did you mean labels?',
    ],
    [
      'an end on no calendar',
      { metadata: { name: 'a', expires: '2026-02-30T00:00:00Z' } },
      'metadata.expires: expected a time in UTC such as 2026-11-20T19:05:00Z',
    ],
    [
      'something unknown',
      { status: {} },
      'status: unknown field; there are kind, version, metadata, spec',
    ],
    [
      'something unknown below',
      withSpec({ suggested_labels: {} }),
      'spec.suggested_labels: unknown field; there are roles, bot_name, max_ttl, max_machines, host_names, join_method, azure',
    ],
    ['no roles', withSpec({ roles: [] }), 'spec.roles: expected at least one role, such as [Bot]'],
    [
      'a role in another case',
      withSpec({ roles: ['bot'] }),
      'spec.roles[0]: expected one of Bot, Node, Proxy, Kube, App, Db, WindowsDesktop, Discovery',
    ],
    [
      'no bot for bots',
      withSpec({ bot_name: undefined }),
      "spec.bot_name: missing; expected the bot's name, because roles has Bot",
    ],
    [
      'a bot for nodes',
      withSpec({ roles: ['Node'] }),
      'spec.bot_name: expected nothing, because roles has no Bot',
    ],
    ['a bad bot name', withSpec({ bot_name: 'a,b' }), `spec.bot_name: ${NAME}`],
    [
      'another join method',
      withSpec({ join_method: 'ec2' }),
      'spec.join_method: expected one of the join methods azure, iam, token',
    ],
    [
      'a bad lifetime',
      withSpec({ max_ttl: 'soon' }),
      'spec.max_ttl: expected a duration such as 30m or 1h30m',
    ],
    ['no rules', withAzure({ allow: undefined }), 'spec.azure.allow: missing; expected a list'],
    [
      'an empty list of rules',
      withAzure({ allow: [] }),
      'spec.azure.allow: expected at least one rule',
    ],
    ['a rule that restricts nothing', withRule({}), `spec.azure.allow[0]: ${NO_LIMITS}`],
    [
      'a rule with groups only',
      withRule({ resource_groups: ['a'] }),
      `spec.azure.allow[0]: ${NO_LIMITS}`,
    ],
    [
      'groups of a tenant, whose subscription anybody may have',
      withRule({ tenant: SUBSCRIPTION, resource_groups: ['a'] }),
      'spec.azure.allow[0].subscription: missing; expected the subscription that the groups lie in: whoever has another one may name a group alike',
    ],
    ['a group that could be taken for `prod-k8s`', group('prod-\u212a8s'), `${NOT_PLAIN}`],
    ['a group that could be taken for `omega`', group('\u2126'), `${NOT_PLAIN}`],
    ['a group with a dotless i', group('\u0131'), `${NOT_PLAIN}`],
    [
      'a good rule and an empty one',
      withAzure({ allow: [{ tenant: SUBSCRIPTION }, {}] }),
      `spec.azure.allow[1]: ${NO_LIMITS}`,
    ],
    [
      'a subscription that is no GUID',
      withRule({ subscription: '*' }),
      'spec.azure.allow[0].subscription: expected a GUID',
    ],
    [
      'a tenant that is no GUID',
      withRule({ tenant: 'example.org' }),
      'spec.azure.allow[0].tenant: expected a GUID',
    ],
    [
      'an empty list of groups',
      withRule({ subscription: SUBSCRIPTION, resource_groups: [] }),
      'spec.azure.allow[0].resource_groups: expected at least one resource group',
    ],
    [
      'an unknown field of a rule',
      withRule({ subscription: SUBSCRIPTION, image: 'x' }),
      'spec.azure.allow[0].image: unknown field; there are tenant, subscription, resource_groups, vm_names, scale_sets, managed_identities, locations, tags, mode',
    ],
    [
      'a misspelt field of a rule',
      withRule({ subscription: SUBSCRIPTION, resource_group: 'a' }),
      'spec.azure.allow[0].resource_group: unknown field; did you mean resource_groups?',
    ],
    ['a group with a wildcard', group('rg-*'), `spec.azure.allow[0].resource_groups[0]: ${GROUP}`],
    ['a group with a slash', group('a/b'), `spec.azure.allow[0].resource_groups[0]: ${GROUP}`],
    ['a group without a name', group(''), `spec.azure.allow[0].resource_groups[0]: ${GROUP}`],
    [
      'a group of 91 letters',
      group('a'.repeat(91)),
      `spec.azure.allow[0].resource_groups[0]: ${GROUP}`,
    ],
    [
      'another binding',
      withAzure({ vm_binding: 'none' }),
      'spec.azure.vm_binding: expected one of strict, claims',
    ],
  ])('%s', (_, change, expected) => {
    expect(refusalOf(joinToken, change)).toBe(expected);
  });
});

describe('what decides the owner of an instance', () => {
  const changed = (spec: object): string | undefined => {
    const after = { ...joinToken, spec: { ...joinToken.spec, ...spec } } as JoinToken;
    return changedOwnership(joinToken, after);
  };
  const { allow } = AZURE;

  test.each<[string, object, string]>([
    ['the bot', { bot_name: 'other' }, 'spec.bot_name'],
    ['the join method', { join_method: 'token' }, 'spec.join_method'],
    ['a further role', { roles: ['Bot', 'Node'] }, 'spec.roles'],
    ['another role', { roles: ['Node'] }, 'spec.roles'],
  ])('%s', (_, change, field) => {
    expect(changed(change)).toBe(field);
  });

  test('nothing else', () => {
    expect(changed({})).toBeUndefined();
    expect(changed({ max_ttl: '1h', azure: { allow, vm_binding: 'claims' } })).toBeUndefined();
    expect(changed({ roles: ['Bot', 'Bot'] })).toBeUndefined();
  });

  test('the order of roles is none of it', () => {
    const of = (roles: JoinToken['spec']['roles']): JoinToken => ({
      ...joinToken,
      spec: { ...joinToken.spec, roles },
    });
    expect(changedOwnership(of(['Bot', 'Node']), of(['Node', 'Bot']))).toBeUndefined();
  });
});

describe('a join token with a secret', () => {
  const secret: JoinToken = {
    kind: 'token',
    version: 'v2',
    metadata: { name: 'robot', expires: '2026-11-20T13:00:00Z' },
    spec: {
      roles: ['Bot'],
      bot_name: 'robot',
      join_method: 'token',
      secret_sha256: 'ab'.repeat(32),
    },
  };

  test('is what it is', () => {
    expect(parseResource(secret)).toEqual({ ok: true, value: secret });
  });

  test.each<[string, object, string]>([
    [
      'no end',
      { metadata: { name: 'robot' } },
      'metadata.expires: missing; expected a time, because a join token with a secret must end',
    ],
    [
      'the secret itself',
      { spec: { ...secret.spec, secret: '0'.repeat(32) } },
      'spec.secret: unknown field; there are roles, bot_name, max_ttl, max_machines, host_names, join_method, secret_sha256',
    ],
    [
      'rules of another method',
      { spec: { ...secret.spec, azure: { allow: [] } } },
      'spec.azure: unknown field; there are roles, bot_name, max_ttl, max_machines, host_names, join_method, secret_sha256',
    ],
    [
      'something else as hash',
      { spec: { ...secret.spec, secret_sha256: 'AB'.repeat(32) } },
      'spec.secret_sha256: expected 64 hex digits in lower case',
    ],
  ])('is refused with %s', (_, change, expected) => {
    expect(refusalOf(secret, change)).toBe(expected);
  });

  test('keeps its secret and its end: what was used up must not come back to life', () => {
    const differing = (change: object): string | undefined =>
      changedOwnership(secret, { ...secret, ...change } as JoinToken);
    expect(differing({ spec: { ...secret.spec, secret_sha256: 'cd'.repeat(32) } })).toBe(
      'spec.secret_sha256',
    );
    expect(differing({ metadata: { name: 'robot', expires: '2026-11-21T13:00:00Z' } })).toBe(
      'metadata.expires',
    );
    expect(differing({ spec: { ...secret.spec, max_ttl: '1h' } })).toBeUndefined();
  });
});
