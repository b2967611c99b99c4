import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';

interface Answer {
  readonly verdict: string;
  readonly steps: readonly { step: string; result: string; reason?: string; detail: string }[];
}

async function explain({ api }: Scene, body: object): Promise<Answer> {
  const reader = signIn(api, 'JoinBroker.Reader');
  const answer = await reader.request('POST', '/v1/explain', { body });
  expect(answer.status).toBe(200);
  return answer.body as Answer;
}

const stepsOf = ({ steps }: Answer): string[] =>
  steps.map(({ step, result }) => `${step}: ${result}`);

const machineOf = ({ subscription }: Scene, more: object = {}): object => ({
  token: 'example-bot',
  subscription: subscription.id,
  resource_group: 'GROUP1',
  ...more,
});

const lock = (target: object): object => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'stop' },
  spec: { target },
});

test('a machine that would be admitted is told so, step by step', async () => {
  const scene = await createScene();
  expect(await explain(scene, machineOf(scene))).toEqual({
    verdict: 'admitted',
    steps: [
      { step: 'join token', result: 'ok', detail: 'example-bot, join method azure, for Bot' },
      { step: 'allow rules', result: 'ok', detail: 'rule 1 admits it' },
      { step: 'bot or host', result: 'ok', detail: 'bot:example' },
      { step: 'locks', result: 'ok', detail: 'none is on it' },
      {
        step: 'certificate',
        result: 'ok',
        detail: expect.stringMatching(/^roles access; logins root, deploy; until 2026-/),
      },
    ],
  });
});

describe('a machine that would be denied is told why:', () => {
  test.each<[string, object, string, string]>([
    ['its group', { resource_group: 'group2' }, 'allow rules', 'rule_mismatch'],
    ['its system role', { role: 'Node' }, 'join token', 'system_role_mismatch'],
    ['an unknown join token', { token: 'nosuch' }, 'join token', 'join_token_not_found'],
  ])('%s', async (_, change, step, reason) => {
    const scene = await createScene();
    const { verdict, steps } = await explain(scene, machineOf(scene, change));
    expect(verdict).toBe('denied');
    expect(steps.find(({ result }) => result === 'denied')).toMatchObject({ step, reason });
  });

  test('a lock on what it is', async () => {
    const scene = await createScene();
    const target = { machine: scene.vm.vmId };
    await scene.api.put(lock(target));
    const facts = machineOf(scene, { vm_id: scene.vm.vmId });
    expect(stepsOf(await explain(scene, facts))).toContain('locks: denied');
    expect(stepsOf(await explain(scene, machineOf(scene)))).toContain('locks: ok');
  });

  test('the missing bot, beside everything else that is wrong', async () => {
    const scene = await createScene();
    const admin = signIn(scene.api, 'JoinBroker.Admin');
    await admin.request('DELETE', '/v1/resources/bot/example');
    await scene.api.put(lock({ join_token: 'example-bot' }));
    const answer = await explain(scene, machineOf(scene, { resource_group: 'group2' }));
    expect(stepsOf(answer)).toEqual([
      'join token: ok',
      'allow rules: denied',
      'bot or host: denied',
      'locks: denied',
    ]);
  });
});

test('what was not said is unknown, unless it can not matter', async () => {
  const scene = await createScene();
  const { id } = scene.subscription;
  const some = await explain(scene, { token: 'example-bot', subscription: id });
  expect(some.verdict).toBe('unknown');
  expect(some.steps[1]).toEqual({
    step: 'allow rules',
    result: 'unknown',
    detail: 'rule 1: resource group is not known',
  });
  const other = await explain(scene, machineOf(scene, { subscription: scene.vm.vmId }));
  expect(other.verdict).toBe('denied');
});

test('an attempt of the join log is held against what the rules say now', async () => {
  const scene = await createScene();
  const options = { resourceGroup: 'group2', systemAssigned: true };
  const vm = scene.subscription.virtualMachine('vm-b', options);
  const { body } = await join(scene.api, vm);
  await scene.api.broker.flush();
  const { request_id } = body as { request_id: string };
  const before = await explain(scene, { join: request_id });
  expect(before).toMatchObject({ verdict: 'denied' });
  expect(before.steps[1]?.detail).toContain('resource group `group2` is not in [`group1`]');
  await scene.api.put({
    kind: 'token',
    version: 'v2',
    metadata: { name: 'example-bot' },
    spec: {
      roles: ['Bot'],
      bot_name: 'example',
      join_method: 'azure',
      azure: { allow: [{ subscription: scene.subscription.id, vm_names: ['vm-?'] }] },
    },
  });
  scene.api.clock.advance(10);
  expect(await explain(scene, { join: request_id })).toMatchObject({ verdict: 'admitted' });
});

describe('a machine of Azure by its resource id', () => {
  interface OfAll extends Answer {
    readonly tokens?: readonly (Answer & { readonly token: string })[];
  }

  async function withMachine(more: object = {}) {
    const scene = await createScene();
    const { subscription, api } = scene;
    const vm = subscription.virtualMachine('vm-x', {
      resourceGroup: 'group2',
      systemAssigned: true,
      tags: { env: 'prod' },
      ...more,
    });
    await api.put(
      joinToken({
        name: 'by-tag',
        allow: [{ subscription: subscription.id, tags: { env: 'prod' } }],
      }),
    );
    await api.put({
      kind: 'token',
      version: 'v2',
      metadata: { name: 'iam' },
      spec: {
        roles: ['Bot'],
        bot_name: 'example',
        join_method: 'iam',
        allow: [{ aws_account: '111111111111' }],
      },
    });
    api.clock.advance(6);
    const ask = async (body: object) =>
      (await explain(scene, { resource_id: vm.resourceId, ...body })) as OfAll;
    return { ...scene, vm, ask };
  }

  test('is told what would happen with each join token of azure, by what Azure says of it', async () => {
    const { ask, api } = await withMachine();
    const { verdict, steps, tokens = [] } = await ask({});
    expect(verdict).toBe('admitted');
    expect(steps).toEqual([
      {
        step: 'machine',
        result: 'ok',
        detail: expect.stringMatching(/^vm-x in group2, .*tags env=prod$/),
      },
    ]);
    expect(tokens.map(({ token, verdict: one }) => [token, one])).toEqual([
      ['by-tag', 'admitted'],
      ['example-bot', 'denied'],
    ]);
    expect(tokens[1]?.steps[1]?.detail).toContain('resource group `group2` is not in [`group1`]');
    expect(await api.tables.instances.list({})).toEqual([]);
  });

  test('with one join token, and locks on what it is', async () => {
    const { ask, api, vm } = await withMachine();
    expect(await ask({ token: 'by-tag' })).toMatchObject({ verdict: 'admitted' });
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(6);
    expect(stepsOf(await ask({ token: 'by-tag' }))).toContain('locks: denied');
  });

  test('as each of its identities: one that a rule names is enough', async () => {
    const { subscription, api } = await createScene();
    const named = subscription.userAssignedIdentity('named', { resourceGroup: 'ids' });
    const vm = subscription.virtualMachine('vm-y', {
      resourceGroup: 'group2',
      systemAssigned: true,
      identities: [named],
    });
    const managed_identities = [named.clientId];
    await api.put(
      joinToken({ name: 'named', allow: [{ subscription: subscription.id, managed_identities }] }),
    );
    api.clock.advance(6);
    const body = { resource_id: vm.resourceId, token: 'named' };
    const answer = await signIn(api, 'JoinBroker.Reader').request('POST', '/v1/explain', { body });
    expect(answer.body).toMatchObject({ verdict: 'admitted' });
    const { steps } = answer.body as Answer;
    expect(steps.map(({ step }) => step).slice(0, 3)).toEqual([
      'machine',
      'identity',
      'join token',
    ]);
    expect(steps[1]?.detail).toBe(`as ${named.principalId}`);
  });

  test('that there is not, or without an identity, would be denied', async () => {
    const { ask, vm } = await withMachine();
    const gone = await ask({ resource_id: vm.resourceId.replace('vm-x', 'vm-gone') });
    expect(gone).toMatchObject({
      verdict: 'denied',
      steps: [{ step: 'machine', reason: 'machine_not_found' }],
    });
    const bare = await withMachine({ systemAssigned: false });
    expect(await bare.ask({ token: 'by-tag' })).toMatchObject({
      verdict: 'denied',
      steps: [{ result: 'ok' }, { reason: 'machine_identity' }],
    });
  });

  test.each(['vm-x', '/subscriptions/x', '/etc/passwd', 'https://example.com/'])(
    'refuses %s, and asks nobody',
    async (resource_id) => {
      const { api } = await createScene();
      api.cloud.calls.clear();
      const reader = signIn(api, 'JoinBroker.Reader');
      const answer = await reader.request('POST', '/v1/explain', { body: { resource_id } });
      expect(answer).toBeProblem('bad_request', 'resource_id');
      expect(api.cloud.calls.count('management')).toBe(0);
    },
  );
});

test.each<[string, object, string | undefined]>([
  ['neither join token nor attempt', {}, undefined],
  ['both', { token: 'a', join: '01a1fa95-c122-7a58-aa32-c69cc852cfc7' }, undefined],
  [
    'a machine and an attempt',
    { resource_id: '/x', join: '01a1fa95-c122-7a58-aa32-c69cc852cfc7' },
    undefined,
  ],
  ['a fact that there is not', { token: 'a', group: 'x' }, 'group'],
  ['a subscription that is none', { token: 'a', subscription: 'x' }, 'subscription'],
])('refuses %s', async (_, body, field) => {
  const { api } = await createScene();
  const answer = await signIn(api, 'JoinBroker.Reader').request('POST', '/v1/explain', { body });
  expect(answer).toBeProblem('bad_request', ...(field === undefined ? [] : [field]));
});

test('is for operators, and an attempt must be in the log', async () => {
  const { api } = await createScene();
  const body = { join: '01a1fa95-c122-7a58-aa32-c69cc852cfc7' };
  expect(await signIn(api).request('POST', '/v1/explain', { body })).toBeProblem('forbidden');
  expect(
    await signIn(api, 'JoinBroker.Reader').request('POST', '/v1/explain', { body }),
  ).toBeProblem('not_found');
});
