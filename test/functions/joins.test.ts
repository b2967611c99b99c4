import { expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';

test('an operator finds what became of a join, and why, under its request id', async () => {
  const { api, subscription, vm } = await createScene();
  const other = subscription.virtualMachine('vm-b', {
    resourceGroup: 'group2',
    systemAssigned: true,
  });
  const admitted = await join(api, vm);
  const denied = await join(api, other);
  await api.broker.flush();
  const reader = signIn(api, 'JoinBroker.Reader');
  const show = async ({ body }: { readonly body: unknown }) =>
    (await reader.request('GET', `/v1/joins/${(body as { request_id: string }).request_id}`)).body;
  expect(await show(admitted)).toMatchObject({
    outcome: 'admitted',
    bot: 'example',
    generation: 1,
  });
  expect(await show(denied)).toMatchObject({
    outcome: 'denied',
    reason: 'rule_mismatch',
    vm_id: other.vmId,
    detail: expect.stringContaining('rule 1: '),
  });
});

test('nobody else does', async () => {
  const { api, vm } = await createScene();
  const { request_id } = (await join(api, vm)).body as { request_id: string };
  await api.broker.flush();
  const path = `/v1/joins/${request_id}`;
  expect(await api.request('GET', path)).toBeProblem('unauthenticated');
  expect(await signIn(api).request('GET', path)).toBeProblem('forbidden');
});

test('a request that is not there, and a text that is no request id', async () => {
  const { api } = await createScene();
  const reader = signIn(api, 'JoinBroker.Reader');
  const ask = (id: string) => reader.request('GET', `/v1/joins/${id}`);
  expect(await ask('01a1fa95-c122-7a58-aa32-c69cc852cfc7')).toBeProblem('not_found');
  for (const id of ['1', '01a1fa95-c122-4a58-aa32-c69cc852cfc7', '__proto__']) {
    expect(await ask(id)).toBeProblem('bad_request', 'id');
  }
});
