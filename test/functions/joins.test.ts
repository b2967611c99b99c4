import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene } from '../broker/fixtures.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createClock } from '../broker/test-broker.ts';
import { operatorShell } from './operator-shell.ts';

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
    claimed_vm_id: other.vmId,
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

const ALWAYS = 'since=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00Z';

describe('a list', () => {
  async function logged() {
    const { api, subscription, vm } = await createScene();
    const options = { resourceGroup: 'group2', systemAssigned: true };
    const other = subscription.virtualMachine('vm-b', options);
    await join(api, vm);
    api.clock.advance(60);
    await join(api, other);
    await api.broker.flush();
    const reader = signIn(api, 'JoinBroker.Reader');
    // Request ids have the time of the process, not of the test.
    const list = async (query: string): Promise<string[]> => {
      const { body } = await reader.request('GET', `/v1/joins?${ALWAYS}&${query}`);
      return (body as { items: { outcome: string }[] }).items.map(({ outcome }) => outcome);
    };
    return { api, reader, vm, other, list };
  }

  test('has those that fit everything that was asked', async () => {
    const { list, vm, other } = await logged();
    expect(await list('')).toEqual(['admitted', 'denied']);
    expect(await list('bot=example')).toEqual(['admitted', 'denied']);
    expect(await list('bot=another')).toEqual([]);
    expect(await list('token=example-bot')).toEqual(['admitted', 'denied']);
    expect(await list('token=another')).toEqual([]);
    expect(await list('result=denied')).toEqual(['denied']);
    expect(await list('result=failed')).toEqual([]);
    expect(await list('reason=rule_mismatch')).toEqual(['denied']);
    expect(await list('reason=locked')).toEqual([]);
    expect(await list(`machine=${vm.vmId}`)).toEqual(['admitted']);
    expect(await list(`machine=${other.vmId.toUpperCase()}`)).toEqual(['denied']);
    expect(await list('machine=VM-A')).toEqual(['admitted']);
    expect(await list(`machine=${encodeURIComponent(vm.resourceId)}`)).toEqual(['admitted']);
    expect(await list('machine=m-a')).toEqual([]);
  });

  test('is of the time that is said', async () => {
    const { reader } = await logged();
    const query = 'since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z';
    expect((await reader.request('GET', `/v1/joins?${query}`)).body).toEqual({ items: [] });
  });

  test.each([
    ['since=yesterday', 'since'],
    ['result=no', 'result'],
    ['reason=nosuch', 'reason'],
    ['next=1', 'next'],
    ['bots=x', 'bots'],
    ['machine=', 'machine'],
  ])('refuses %s', async (query, field) => {
    const { reader } = await logged();
    expect(await reader.request('GET', `/v1/joins?${query}`)).toBeProblem('bad_request', field);
  });

  test('is for operators', async () => {
    const { api } = await logged();
    expect(await api.request('GET', '/v1/joins')).toBeProblem('unauthenticated');
    expect(await signIn(api).request('GET', '/v1/joins')).toBeProblem('forbidden');
  });
});

test('joinctl joins verify says whether the log is as it was written', async () => {
  const { api, vm } = await createScene({ clock: createClock(new Date()) });
  const { request_id: id } = joined(await join(api, vm));
  await api.broker.flush();
  const shell = await operatorShell(api, ['JoinBroker.Reader']);
  expect((await shell.run('joins', 'verify')).stdout).toContain(
    'There is no anchor: the broker\'s own log must have none, either (event "anchor").\n',
  );
  await api.broker.anchorJoinLog({ requestId: 'timer' });
  api.clock.advance(60);
  const whole = await shell.run('joins', 'verify');
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  const anchor = api.audit.find(({ event }) => event === 'anchor');
  if (anchor?.event !== 'anchor') throw new Error('no anchor in the log');
  expect(whole.stdout).toContain('All 1 rows of the join log are as they were written.\n');
  expect(whole.stdout).toContain(`The newest anchor is ${anchor.key} ${anchor.mac}:`);
  expect(whole.stdout).toContain(
    `The oldest one is ${anchor.key}: of the last 30 days that log must have none before it, and 1 from`,
  );

  const row = (await api.tables.joins.list({})).find(({ key }) => key === id);
  if (!row) throw new Error('no row');
  const json = String(row.values['json']).replace('"bot":"example"', '"bot":"another"');
  await api.tables.joins.apply([{ kind: 'put', row: { ...row, values: { ...row.values, json } } }]);
  expect(await shell.run('joins', 'verify')).toMatchObject({
    code: 3,
    stdout: expect.stringContaining(`${id} was changed\n`),
    stderr: expect.stringContaining('The join log is not as it was written: '),
  });
});

test.each(['next=5', 'since=monday', 'nosuch=1'])('verification refuses %s', async (query) => {
  const { api } = await createScene();
  const answer = await signIn(api, 'JoinBroker.Reader').request(
    'GET',
    `/v1/join-log/verification?${query}`,
  );
  expect(answer).toBeProblem('bad_request', query.split('=')[0]);
  expect(await api.request('GET', '/v1/join-log/verification')).toBeProblem('unauthenticated');
});
