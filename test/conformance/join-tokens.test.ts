/** Conformance: what a join token may say, whom it is for, and how soon a change counts (rows R8 to R11). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, createScene, joinToken } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
const CREATE = { 'if-none-match': '*' };
const REPLACE = { 'if-match': '*' };
const EXAMPLE_BOT = '/v1/resources/token/example-bot';

describe('R8 refuses to create a join token with', () => {
  const rule = { subscription: SUBSCRIPTION };
  test.each([
    ['an empty allow list', joinToken({ allow: [] }), 'spec.azure.allow'],
    ['a rule without tenant and subscription', joinToken({ allow: [{}] }), 'spec.azure.allow[0]'],
    [
      'a rule with resource groups only',
      joinToken({ allow: [rule, { resource_groups: ['group1'] }] }),
      'spec.azure.allow[1]',
    ],
    [
      'an empty list of resource groups',
      joinToken({ allow: [{ ...rule, resource_groups: [] }] }),
      'spec.azure.allow[0].resource_groups',
    ],
    [
      'a wildcard for resource groups',
      joinToken({ allow: [{ ...rule, resource_groups: ['*'] }] }),
      'spec.azure.allow[0].resource_groups[0]',
    ],
    [
      'a subscription that is no GUID',
      joinToken({ allow: [{ subscription: 'prod' }] }),
      'spec.azure.allow[0].subscription',
    ],
    [
      'a wildcard for the tenant',
      joinToken({ allow: [{ tenant: '*' }] }),
      'spec.azure.allow[0].tenant',
    ],
    [
      'an empty subscription',
      joinToken({ allow: [{ tenant: SUBSCRIPTION, subscription: '' }] }),
      'spec.azure.allow[0].subscription',
    ],
    [
      'a subscription of null',
      joinToken({ allow: [{ tenant: SUBSCRIPTION, subscription: null }] }),
      'spec.azure.allow[0].subscription',
    ],
    [
      'an unknown field in a rule',
      joinToken({ allow: [{ ...rule, resource_group: 'group1' }] }),
      'spec.azure.allow[0].resource_group',
    ],
    [
      'an unknown field under azure',
      joinToken({ allow: [rule], azure: { alow: [] } }),
      'spec.azure.alow',
    ],
    [
      'an unknown field of spec',
      joinToken({ allow: [rule], spec: { bot: 'example' } }),
      'spec.bot',
    ],
    [
      'another binding than those known',
      joinToken({ allow: [rule], azure: { vm_binding: 'none' } }),
      'spec.azure.vm_binding',
    ],
    ['no role', joinToken({ allow: [rule], spec: { roles: [] } }), 'spec.roles'],
    [
      'role Bot and no bot_name',
      joinToken({ allow: [rule], spec: { bot_name: undefined } }),
      'spec.bot_name',
    ],
    [
      'an unknown join method',
      joinToken({ allow: [rule], spec: { join_method: 'any' } }),
      'spec.join_method',
    ],
    [
      'an expiry that is no time',
      joinToken({ allow: [rule], expires: 'tomorrow' }),
      'metadata.expires',
    ],
  ])('%s', async (_, resource, field) => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.Admin');
    const answer = await admin.request('PUT', EXAMPLE_BOT, { body: resource, headers: CREATE });
    expect(answer).toBeProblem('bad_request', field);
    expect(await admin.request('GET', EXAMPLE_BOT)).toBeProblem('not_found');
  });
});

describe('R9 denies', () => {
  test('an unknown join token', async () => {
    const { api, vm } = await createScene();
    expect(await join(api, vm, { token: 'another' })).toBeDenied(api, 'join_token_not_found');
  });

  test('a join token whose name is in another case', async () => {
    const { api, vm } = await createScene();
    expect(await join(api, vm, { token: 'Example-Bot' })).toBeDenied(api, 'join_token_not_found');
  });

  test('an expired join token, from the very second of its expiry on', async () => {
    const { api, vm, subscription } = await createScene();
    const allow = [{ subscription: subscription.id }];
    await api.put(joinToken({ allow, expires: '2026-11-20T12:10:00Z' }));
    api.clock.advance(599);
    expect(await join(api, vm)).toBeAdmitted();
    api.clock.advance(1);
    expect(await join(api, vm)).toBeDenied(api, 'join_token_expired');
  });

  test('a role that is not among those of the join token', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { request: { role: 'Node' } });
    expect(attempt).toBeDenied(api, 'system_role_mismatch');
  });

  test('role Bot under a join token for other roles', async () => {
    const { api, vm, subscription } = await createScene();
    const spec = { roles: ['Node'], bot_name: undefined };
    await api.put(joinToken({ name: 'nodes', allow: [{ subscription: subscription.id }], spec }));
    expect(await join(api, vm, { token: 'nodes' })).toBeDenied(api, 'system_role_mismatch');
  });

  test('a join token for a bot that does not exist', async () => {
    const { api, vm } = await createScene();
    const admin = signIn(api, 'JoinBroker.Admin');
    await admin.request('DELETE', '/v1/resources/bot/example');
    expect(await join(api, vm)).toBeDenied(api, 'bot_not_found');
  });
});

test('R9 denies a join token for a bot that has expired', async () => {
  const { api, vm } = await createScene();
  const metadata = { name: 'example', expires: '2026-11-20T12:10:00Z' };
  await api.put({ ...botExample(), metadata });
  expect(await join(api, vm)).toBeAdmitted();
  api.clock.advance(600);
  expect(await join(api, vm)).toBeDenied(api, 'bot_expired');
});

test('R9 refuses a join method other than those that there are', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm, { request: { join_method: 'gcp' } });
  expect(attempt).toBeProblem('bad_request', 'request.join_method');
});

describe('R10 within five seconds, a function instance with the join token in its cache denies', () => {
  const SNAPSHOT_SECONDS = 5;

  test.each([
    ['narrowed', 'rule_mismatch'],
    ['deleted', 'join_token_not_found'],
  ] as const)('machines of a join token that was %s', async (change, reason) => {
    const { api, vm, subscription } = await createScene();
    const other = api.another();
    expect(await join(other, vm)).toBeAdmitted();

    if (change === 'deleted') {
      await signIn(api, 'JoinBroker.Admin').request('DELETE', EXAMPLE_BOT);
    } else {
      const allow = [{ subscription: subscription.id, resource_groups: ['group2'] }];
      await api.put(joinToken({ allow }));
    }
    expect(await join(api, vm)).toBeDenied(api, reason);
    api.clock.advance(SNAPSHOT_SECONDS);
    expect(await join(other, vm)).toBeDenied(other, reason);
  });
});

describe('R11 refuses to change', () => {
  test.each([
    ['bot_name', { bot_name: 'another' }],
    ['roles', { roles: ['Bot', 'Node'] }],
    ['join_method', { join_method: 'token', azure: undefined }],
  ])('the %s of a join token', async (field, spec) => {
    const { api, subscription } = await createScene();
    const admin = signIn(api, 'JoinBroker.Admin');
    const before = await admin.request('GET', EXAMPLE_BOT);
    const expires = '2026-11-21T12:00:00Z';
    const body = joinToken({ expires, allow: [{ subscription: subscription.id }], spec });
    const answer = await admin.request('PUT', EXAMPLE_BOT, { body, headers: REPLACE });
    expect(answer).toBeProblem('bad_request', `spec.${field}`);
    const after = await admin.request('GET', EXAMPLE_BOT);
    expect(after.body).toEqual(before.body);
    expect(after.headers.get('etag')).toBe(before.headers.get('etag'));
  });
});

test('R11 a join token can be deleted and created with another bot', async () => {
  const { api, vm, subscription } = await createScene();
  const admin = signIn(api, 'JoinBroker.Admin');
  await api.put({ ...botExample(), metadata: { name: 'another' } });
  expect((await admin.request('DELETE', EXAMPLE_BOT)).status).toBe(204);
  const allow = [{ subscription: subscription.id }];
  const body = joinToken({ allow, spec: { bot_name: 'another' } });
  expect((await admin.request('PUT', EXAMPLE_BOT, { body, headers: CREATE })).status).toBe(201);
  const attempt = await join(api, vm);
  expect(attempt).toBeAdmitted();
  expect(attempt.body).toMatchObject({ bot: 'another' });
});
