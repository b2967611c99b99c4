/** Conformance: whoever is locked does not get in until the lock ends (row G7). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import type { Table } from '../../shared/storage/table.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { HOST } from '../broker/host-scene.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createClock, createTestBroker } from '../broker/test-broker.ts';

interface LockOptions {
  readonly target: object;
  readonly expires?: string;
  readonly metadata?: object;
}

const lock = ({ target, expires, metadata }: LockOptions): object => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'incident-1', ...metadata },
  spec: { target, message: 'under investigation', ...(expires !== undefined && { expires }) },
});

/** A machine that has joined, and how it renews itself. */
async function joinedScene() {
  const scene = await createScene();
  const { api, vm } = scene;
  const first = await join(api, vm);
  const { instance_id: instanceId } = joined(first);
  const renew = () => join(api, vm, { renews: first });
  return { ...scene, instanceId, renew };
}

const TARGETS: readonly (readonly [
  target: string,
  of: (scene: Scene & { instanceId: string }) => object,
])[] = [
  ['bot', () => ({ bot: 'example' })],
  ['join token', () => ({ join_token: 'example-bot' })],
  ['machine', ({ vm }) => ({ machine: vm.vmId })],
  ['machine in upper case', ({ vm }) => ({ machine: vm.vmId.toUpperCase() })],
  ['identity', ({ vm }) => ({ identity: vm.identities.systemAssigned?.principalId })],
  ['instance', ({ instanceId }) => ({ instance: instanceId })],
];

describe('G7 a renewal is denied while there is a lock on its', () => {
  test.each(TARGETS)('%s, and admitted once the lock is removed', async (_, targetOf) => {
    const scene = await joinedScene();
    await scene.api.put(lock({ target: targetOf(scene) }));
    const attempt = await scene.renew();
    expect(attempt).toBeDenied(scene.api, 'locked');
    expect(scene.api.audit.at(-1)).toMatchObject({ detail: expect.stringContaining('incident-1') });
    await signIn(scene.api, 'JoinBroker.Admin').request('DELETE', '/v1/resources/lock/incident-1');
    expect(joined(await scene.renew())).toMatchObject({ generation: 2 });
  });
});

describe('G7 a first join is denied while there is a lock on its', () => {
  test.each(TARGETS.filter(([target]) => target !== 'instance'))('%s', async (_, targetOf) => {
    const scene = await joinedScene();
    await scene.api.put(lock({ target: targetOf(scene) }));
    expect(await join(scene.api, scene.vm)).toBeDenied(scene.api, 'locked');
  });
});

describe('G7 a lock does not reach', () => {
  test('another bot, join token, machine or instance', async () => {
    const scene = await joinedScene();
    const { api, subscription } = scene;
    const other = subscription.virtualMachine('vm-b', {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    const targets = [
      { bot: 'another' },
      { bot: 'Example' },
      { join_token: 'another' },
      { machine: other.vmId },
      { identity: other.identities.systemAssigned?.principalId },
      { instance: crypto.randomUUID() },
    ];
    for (const target of targets) {
      await api.put(lock({ target }));
      expect(await join(api, scene.vm)).toBeAdmitted();
    }
  });

  test('the other instances of a bot, where it is on one of them', async () => {
    const { api, vm, instanceId } = await joinedScene();
    await api.put(lock({ target: { instance: instanceId } }));
    expect(await join(api, vm)).toBeAdmitted();
  });

  test('the other join tokens of a bot, where it is on one of them', async () => {
    const { api, vm, subscription } = await joinedScene();
    await api.put(lock({ target: { join_token: 'example-bot' } }));
    await api.put(joinToken({ name: 'second', allow: [{ subscription: subscription.id }] }));
    expect(await join(api, vm, { token: 'second' })).toBeAdmitted();
  });
});

describe('G7 a lock ends', () => {
  const END = '2026-11-20T12:10:00Z';
  test.each([
    ['at the time in its spec', { expires: END }],
    ['when it expires as a resource', { metadata: { expires: END } }],
    ['at the earlier of both', { expires: END, metadata: { expires: '2026-11-20T13:00:00Z' } }],
  ])('%s, to the second', async (_, when) => {
    const { api, renew } = await joinedScene();
    await api.put(lock({ target: { bot: 'example' }, ...when }));
    api.clock.advance(599);
    expect(await renew()).toBeDenied(api, 'locked');
    api.clock.advance(1);
    expect(await renew()).toBeAdmitted();
  });
});

test('G7 a lock reaches every function instance within five seconds', async () => {
  const { api, vm } = await joinedScene();
  const other = api.another();
  expect(await join(other, vm)).toBeAdmitted();
  await api.put(lock({ target: { bot: 'example' } }));
  api.clock.advance(5);
  expect(await join(other, vm)).toBeDenied(other, 'locked');
});

test('G7 the same request again is denied too, once there is a lock', async () => {
  const { api, vm } = await createScene();
  const first = await join(api, vm);
  await api.put(lock({ target: { machine: vm.vmId } }));
  const again = await api.request('POST', '/v1/join', { body: first.sent });
  expect(again).toBeDenied(api, 'locked');
});

describe('G7 refuses to create a lock', () => {
  test.each([
    ['without a target', {}, 'spec.target'],
    ['on two things', { bot: 'example', join_token: 'example-bot' }, 'spec.target'],
    ['on something else', { user: 'alice' }, 'spec.target.user'],
    ['on a machine that is no GUID', { machine: 'vm-a' }, 'spec.target.machine'],
  ])('%s', async (_, target, field) => {
    const api = createTestBroker();
    const answer = await signIn(api, 'JoinBroker.Admin').request(
      'PUT',
      '/v1/resources/lock/incident-1',
      { body: lock({ target }), headers: { 'if-none-match': '*' } },
    );
    expect(answer).toBeProblem('bad_request', field);
  });
});

describe('G7 while the place of a machine is written, and that takes its time,', () => {
  const onMachine = ({ vm }: Scene) => lock({ target: { machine: vm.vmId } });

  test.each<[string, number, (scene: Scene) => Promise<void>]>([
    ['a lock counts', 1, (scene) => scene.api.put(onMachine(scene))],
    [
      'so does one that another function instance wrote',
      20,
      (scene) => scene.api.another().put(onMachine(scene)),
    ],
  ])('%s', async (_, seconds, say) => {
    const { scene, meanwhile } = await slowScene();
    meanwhile(async () => {
      scene.clock.advance(seconds);
      await say(scene);
    });
    expect(await join(scene.api, scene.vm)).toBeDenied(scene.api, 'locked');
    expect(await scene.api.tables.instances.list({})).toEqual([]);
  });

  test("a lock on others is in nobody's way", async () => {
    const { scene, meanwhile } = await slowScene();
    meanwhile(() => scene.api.put(lock({ target: { bot: 'another' } })));
    expect(await join(scene.api, scene.vm)).toBeAdmitted();
  });

  test('a lock on a host leaves its name to others', async () => {
    const { scene, meanwhile } = await slowScene();
    const { api, vm, subscription } = scene;
    const spec = { roles: ['Node'], bot_name: undefined, host_names: ['web.{{cluster}}'] };
    await api.put(joinToken({ name: 'nodes', allow: [{ subscription: subscription.id }], spec }));
    meanwhile(() => api.put(onMachine(scene)));
    expect(await join(api, vm, HOST)).toBeDenied(api, 'locked');
    const own = { resourceGroup: 'group1', systemAssigned: true };
    expect(await join(api, subscription.virtualMachine('vm-b', own), HOST)).toBeAdmitted();
  });

  test('so that it was decided half a minute ago, it is not carried out: a lock may have come since', async () => {
    const { scene, meanwhile } = await slowScene();
    const { api, vm, clock } = scene;
    meanwhile(async () => clock.advance(30));
    expect(await join(api, vm)).toBeAdmitted();
    meanwhile(async () => {
      clock.advance(28);
      // What holds now was asked for a moment before the lock.
      expect(await join(api, vm)).toBeAdmitted();
      await api.another().put(onMachine(scene));
      clock.advance(3);
    });
    const rows = () => api.tables.instances.list({});
    expect(await join(api, vm)).toBeProblem('try_again');
    expect((await rows()).filter(({ key }) => key.includes('-'))).toHaveLength(2);
    clock.advance(2);
    expect(await join(api, vm)).toBeDenied(api, 'locked');
  });
});

/** What happens while the next row of a machine is written. */
async function slowScene() {
  const memory = createMemoryTables();
  const clock = createClock();
  let next: (() => Promise<void>) | undefined;
  const machines: Table = {
    ...memory.machines,
    async apply(operations) {
      const happens = next;
      next = undefined;
      await happens?.();
      return memory.machines.apply(operations);
    },
  };
  const scene = await createScene({ tables: { ...memory, machines }, clock });
  const meanwhile = (happens: () => Promise<void>): void => {
    next = happens;
  };
  return { scene: { ...scene, clock }, meanwhile };
}

describe('G7 R10 what an operator says while the management API takes its time counts:', () => {
  const narrowed = joinToken({
    allow: [{ subscription: '00000000-0000-4000-8000-000000000001' }],
  });
  test.each<[string, (scene: Scene) => Promise<unknown>, DenialReason]>([
    ['a lock', ({ api, vm }) => api.put(lock({ target: { machine: vm.vmId } })), 'locked'],
    ['a rule that is narrower', ({ api }) => api.put(narrowed), 'rule_mismatch'],
    [
      'a join token that is deleted',
      ({ api }) =>
        signIn(api, 'JoinBroker.Admin').request('DELETE', '/v1/resources/token/example-bot'),
      'join_token_not_found',
    ],
  ])('%s', async (_, say, reason) => {
    const scene = await createScene();
    const { api, vm } = scene;
    const asked = Promise.withResolvers<void>();
    const said = Promise.withResolvers<void>();
    const { management } = api.cloud.faults;
    management.set({
      // It is looked at when the question has come.
      get heldUntil() {
        asked.resolve();
        return said.promise;
      },
    });
    const attempt = join(api, vm);
    await asked.promise;
    await say(scene);
    said.resolve();
    expect(await attempt).toBeDenied(api, reason);
    expect(await api.tables.instances.list({})).toEqual([]);
  });
});
