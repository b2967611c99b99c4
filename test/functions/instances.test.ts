import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene } from '../broker/fixtures.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';

const LIST = '/v1/instances?owner=bot:example';

test('the instances of a bot, with what was proved of their machines', async () => {
  const { api, vm, subscription } = await createScene();
  const first = await join(api, vm);
  const reader = signIn(api, 'JoinBroker.Reader');
  const answer = await reader.request('GET', LIST);
  expect(answer.status).toBe(200);
  const { instance_id: id } = joined(first);
  const item = {
    id,
    owner: 'bot:example',
    role: 'Bot',
    join_token: 'example-bot',
    join_method: 'azure',
    generation: 1,
    machine: expect.objectContaining({ vmId: vm.vmId, subscription: subscription.id }),
    names: [],
    joined: '2026-11-20T12:00:00Z',
    seen: '2026-11-20T12:00:00Z',
    expires: '2026-11-20T13:00:00Z',
    serials: [expect.stringMatching(/^[0-9a-f]{32}$/)],
  };
  expect(answer.body).toEqual({ items: [item] });
  const one = await reader.request('GET', `/v1/instances/bot:example/${id.toUpperCase()}`);
  expect(one.body).toEqual(item);
});

test('come in pages', async () => {
  const { api, vm } = await createScene();
  for (let i = 0; i < 101; i += 1) {
    api.clock.advance(2);
    await join(api, vm);
  }
  const reader = signIn(api, 'JoinBroker.Reader');
  type Page = { items: { id: string }[]; next?: string };
  const first = (await reader.request('GET', LIST)).body as Page;
  expect(first.items).toHaveLength(100);
  const rest = (await reader.request('GET', `${LIST}&next=${first.next}`)).body as Page;
  expect(rest.items).toHaveLength(1);
  expect(rest).not.toHaveProperty('next');
  expect(new Set([...first.items, ...rest.items].map(({ id }) => id)).size).toBe(101);
});

describe('are refused', () => {
  test('to nobody in particular, and to readers who would remove one', async () => {
    const { api, vm } = await createScene();
    const path = `/v1/instances/bot:example/${joined(await join(api, vm)).instance_id}`;
    for (const where of [LIST, path])
      expect(await api.request('GET', where)).toBeProblem('unauthenticated');
    const reader = signIn(api, 'JoinBroker.Reader');
    expect(await reader.request('DELETE', path)).toBeProblem('forbidden');
    expect((await reader.request('GET', path)).status).toBe(200);
  });

  test.each([
    ['/v1/instances', 'owner'],
    ['/v1/instances?owner=example', 'owner'],
    ['/v1/instances?owner=bot:a/b', 'owner'],
    ['/v1/instances?owner=host:Bot', 'owner'],
    ['/v1/instances?owner=host:Nodes', 'owner'],
    ['/v1/instances?owner=bot:a:0', 'owner'],
    [`${LIST}&next=x`, 'next'],
    ['/v1/instances/bot:example/x', 'id'],
  ])('%s', async (path, field) => {
    const { api } = await createScene();
    const reader = signIn(api, 'JoinBroker.Reader');
    expect(await reader.request('GET', path)).toBeProblem('bad_request', field);
  });

  test('where there is none', async () => {
    const { api } = await createScene();
    const admin = signIn(api, 'JoinBroker.Admin');
    const path = `/v1/instances/bot:example/${crypto.randomUUID()}`;
    expect(await admin.request('GET', path)).toBeProblem('not_found');
    expect(await admin.request('DELETE', path)).toBeProblem('not_found');
  });
});

test('one that is removed leaves an audit line, and is gone', async () => {
  const { api, vm } = await createScene();
  const first = await join(api, vm);
  const admin = signIn(api, 'JoinBroker.Admin');
  const path = `/v1/instances/bot:example/${joined(first).instance_id}`;
  expect((await admin.request('DELETE', path)).status).toBe(204);
  expect(api.audit.at(-1)).toMatchObject({
    event: 'resource',
    action: 'delete',
    outcome: 'done',
    resource: `instance/bot:example/${joined(first).instance_id}`,
    operator: admin.objectId,
  });
  expect(await admin.request('GET', path)).toBeProblem('gone');
  expect(await admin.request('DELETE', path)).toBeProblem('gone');
  expect(await join(api, vm, { renews: first })).toBeProblem('instance_unknown');
});
