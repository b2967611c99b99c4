/** Conformance: a second live instance of one machine, and how many machines may have any (rows L1 to L4). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createAwsCloud } from '../../local/aws/cloud.ts';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import type { Table } from '../../shared/storage/table.ts';
import { joinFromAws } from '../broker/aws-joiner.ts';
import { botExample, createScene, iamToken, joinToken } from '../broker/fixtures.ts';
import { HOST, hostScene } from '../broker/host-scene.ts';
import { type Attempt, join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createClock, createTestBroker, type TestBroker } from '../broker/test-broker.ts';
import { makeSecret } from '../broker/token-joiner.ts';
import { watchTables } from '../broker/watched-tables.ts';
import { recorded } from '../shared/telemetry/recorded.ts';

const told = (api: TestBroker) => api.audit.filter(({ event }) => event === 'second_instance');
const idOf = (attempt: Attempt): string => joined(attempt).instance_id;
const remove = (api: TestBroker, id: string, owner = 'bot:example') =>
  signIn(api, 'JoinBroker.Admin').request('DELETE', `/v1/instances/${owner}/${id}`);

/** A broker with the join token `iam-token`, and machines of its account. */
async function awsScene(spec: object = {}) {
  const clock = createClock();
  const aws = createAwsCloud({ now: clock.now });
  const api = createTestBroker({ aws, clock });
  await api.put(botExample());
  await api.put(iamToken('111111111111', spec));
  const role = aws.account('111111111111').role('machines');
  return { api, session: (name: string) => role.session(name) };
}

describe('L1 a machine that joins although an instance of it lives', () => {
  test('is admitted, and its audit line, an event and a metric tell of it', async () => {
    const telemetry = recorded();
    const { api, vm } = await createScene({ telemetry: telemetry.around });
    const first = await join(api, vm);
    expect(told(api)).toEqual([]);
    const second = await join(api, vm);
    const beside = [idOf(first)];
    expect(told(api)).toMatchObject([
      { join_token: 'example-bot', bot: 'example', instance_id: idOf(second), beside },
    ]);
    const [line] = api.audit.filter(
      (one) => one.event === 'join' && one.instance_id === idOf(second),
    );
    expect(line).toMatchObject({ outcome: 'admitted', beside });
    expect(telemetry.values('second_instances', { method: 'azure', role: 'Bot' })).toEqual([1]);
    await api.broker.flush();
    const { request_id } = joined(second);
    const admin = signIn(api, 'JoinBroker.Admin');
    expect((await admin.request('GET', `/v1/joins/${request_id}`)).body).toMatchObject({ beside });
  });

  test('as often as it does so, with every instance that lives', async () => {
    const { api, vm } = await createScene();
    const ids: string[] = [];
    for (let i = 0; i < 4; i += 1) ids.push(idOf(await join(api.another(), vm)));
    const other = api.another();
    ids.push(idOf(await join(other, vm)));
    expect(told(other)).toMatchObject([{ beside: ids.slice(0, 4) }]);
  });

  test('an instance that has renewed itself for days lives', async () => {
    const { api, vm } = await createScene();
    let attempt = await join(api, vm);
    for (let i = 0; i < 24 * 9; i += 1) {
      api.clock.advance(3000);
      attempt = await join(api, vm, { renews: attempt });
      if (i % 24 === 0) await api.broker.sweep();
    }
    expect(told(api)).toEqual([]);
    await join(api, vm);
    expect(told(api)).toMatchObject([{ beside: [idOf(attempt)] }]);
  });

  test.each<[string, (api: TestBroker, vm: VirtualMachine, first: Attempt) => Promise<Attempt>]>([
    [
      'the very same request again',
      async (api, _, { sent, key }) => {
        const answer = await api.another().request('POST', '/v1/join', { body: sent });
        return { ...answer, sent, key };
      },
    ],
    ['a renewal', (api, vm, first) => join(api, vm, { renews: first })],
    [
      'once the certificates of the other are over',
      (api, vm) => {
        api.clock.advance(3600);
        return join(api, vm);
      },
    ],
    [
      'once the other was removed',
      async (api, vm, first) => {
        await remove(api, idOf(first));
        return join(api, vm);
      },
    ],
    ['a machine that was made anew', (api, vm) => join(api, vm.recreate())],
  ])('is not told of: %s', async (_, act) => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    expect(await act(api, vm, first)).toBeAdmitted();
    expect(told(api)).toEqual([]);
  });

  test('is not told of another machine, and of another service of the same one', async () => {
    const { api, machine } = await hostScene();
    const web = machine('web');
    expect(await join(api, web)).toBeAdmitted();
    expect(await join(api, web, HOST)).toBeAdmitted();
    expect(await join(api, web, { ...HOST, request: { role: 'App' } })).toBeAdmitted();
    expect(await join(api, machine('db'), HOST)).toBeAdmitted();
    expect(told(api)).toEqual([]);
    expect(await join(api, web, HOST)).toBeAdmitted();
    expect(told(api)).toHaveLength(1);
  });

  test('also where its first try failed in between, and it sends the same request again', async () => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    const first = await join(api, vm);
    storage.fail('instances', 'answer_lost');
    const lost = await join(api, vm);
    expect(lost).toBeProblem('unavailable');
    storage.heal();
    expect(told(api)).toEqual([]);
    expect(await api.request('POST', '/v1/join', { body: lost.sent })).toMatchObject({
      status: 200,
    });
    expect(told(api)).toMatchObject([{ beside: [idOf(first)] }]);
  });

  test('two at once: one of them tells', async () => {
    const { api, vm } = await createScene();
    const attempts = await Promise.all([join(api, vm), join(api, vm), join(api, vm)]);
    const ids = attempts.map(idOf);
    expect(new Set(ids).size).toBe(3);
    expect(told(api).length).toBeGreaterThanOrEqual(1);
  });

  test('of AWS: by its ARN', async () => {
    const { api, session } = await awsScene();
    await joinFromAws(api, session('i-1'));
    await joinFromAws(api, session('i-2'));
    expect(told(api)).toEqual([]);
    await joinFromAws(api, session('i-1'));
    expect(told(api)).toHaveLength(1);
  });

  test('by claims alone: machines of one scale set are not one machine', async () => {
    const { api, subscription } = await createScene();
    await api.put(
      joinToken({ allow: [{ subscription: subscription.id }], azure: { vm_binding: 'claims' } }),
    );
    const set = subscription.scaleSet('set', {
      mode: 'Uniform',
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    const [one, two] = [set.instance(), set.instance()];
    expect(await join(api, one)).toBeAdmitted();
    expect(await join(api, two)).toBeAdmitted();
    expect(told(api)).toEqual([]);
    expect(await join(api, two)).toBeAdmitted();
    expect(told(api)).toHaveLength(1);
  });

  test('nothing is written or told for a machine that is denied', async () => {
    const { api, subscription } = await createScene();
    const other = subscription.virtualMachine('x', { resourceGroup: 'g2', systemAssigned: true });
    expect(await join(api, other)).toBeDenied(api, 'rule_mismatch');
    expect(await api.tables.machines.list({})).toEqual([]);
  });
});

/** The join token `example-bot`, for machines of the subscription, and so many at once. */
async function limitedScene(max_machines: number, options: Parameters<typeof createScene>[0] = {}) {
  const scene = await createScene(options);
  const { api, subscription } = scene;
  const limit = (most: number | undefined) =>
    api.put(
      joinToken({ allow: [{ subscription: subscription.id }], spec: { max_machines: most } }),
    );
  await limit(max_machines);
  const vms = Array.from({ length: 12 }, (_, i) =>
    subscription.virtualMachine(`m${i}`, { resourceGroup: 'group1', systemAssigned: true }),
  );
  const machine = (i: number): VirtualMachine => vms[i] ?? scene.vm;
  return { ...scene, machine, limit };
}

describe("L2 of a join token's machines no more than max_machines have live instances:", () => {
  test('one more is denied, and the reason says whose instances live', async () => {
    const { api, machine } = await limitedScene(2);
    const first = await join(api, machine(0));
    await join(api, machine(1));
    expect(await join(api, machine(2))).toBeDenied(api, 'too_many_machines');
    const line = api.audit.findLast(({ event }) => event === 'join');
    expect(line).toMatchObject({
      vm_id: machine(2).vmId,
      detail: expect.stringContaining(
        `max_machines 2, and so many have live instances: azure:${api.tenant.id}:`,
      ),
    });
    expect(JSON.stringify(line)).toContain(`(instance ${idOf(first)})`);
    expect(told(api)).toEqual([]);
  });

  test('it is free again when the certificates of a machine are over, and not before', async () => {
    const { api, machine } = await limitedScene(1);
    await join(api, machine(0), { wish: { ttl: '10m' } });
    api.clock.advance(599);
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
    api.clock.advance(1);
    expect(await join(api, machine(1))).toBeAdmitted();
    expect(await join(api, machine(0))).toBeDenied(api, 'too_many_machines');
    const rows = await api.tables.machines.list({});
    expect(rows.filter(({ key }) => key !== '!added')).toHaveLength(1);
  });

  test('an instance that renews itself keeps its place, for days', async () => {
    const { api, machine } = await limitedScene(1);
    let attempt = await join(api, machine(0));
    for (let i = 0; i < 24 * 8; i += 1) {
      api.clock.advance(3500);
      attempt = await join(api, machine(0), { renews: attempt });
      if (i % 24 === 0) await api.broker.sweep();
    }
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
  });

  test('instances that are soon over never hide one that lives on', async () => {
    const { api, machine } = await limitedScene(1);
    expect(await join(api, machine(0))).toBeAdmitted();
    for (let i = 0; i < 12; i += 1) await join(api, machine(0), { wish: { ttl: '1m' } });
    api.clock.advance(300);
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
  });

  test('a machine can not have more instances than its place is known by', async () => {
    const { api, machine } = await limitedScene(1);
    for (let i = 0; i < 64; i += 1) {
      if (i % 8 === 0) api.clock.advance(10);
      expect(await join(api, machine(0))).toBeAdmitted();
    }
    api.clock.advance(10);
    expect(await join(api, machine(0))).toBeProblem('try_again');
    api.clock.advance(3600);
    expect(await join(api, machine(0))).toBeAdmitted();
  });

  test('it is free again when an operator removes an instance', async () => {
    const { api, machine } = await limitedScene(1);
    const first = await join(api, machine(0));
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
    await remove(api, idOf(first));
    expect(await join(api, machine(1))).toBeAdmitted();
  });

  test('those that joined before there was a limit count, too', async () => {
    const { api, machine, limit } = await limitedScene(500);
    await limit(undefined);
    for (let i = 0; i < 4; i += 1) expect(await join(api, machine(i))).toBeAdmitted();
    await limit(3);
    expect(await join(api, machine(4))).toBeDenied(api, 'too_many_machines');
    await limit(5);
    expect(await join(api, machine(4))).toBeAdmitted();
    expect(await join(api, machine(5))).toBeDenied(api, 'too_many_machines');
  });

  test('twelve at once, on three function instances: never more, and in the end exactly so many', async () => {
    const { api, machine } = await limitedScene(5);
    const functions = [api, api.another(), api.another()];
    const all = Array.from({ length: 12 }, (_, i) => i);
    const reasons: string[] = [];
    let waiting = all;
    while (waiting.length > 0) {
      const answers = await Promise.all(
        waiting.map((i) => join(functions[i % 3] ?? api, machine(i))),
      );
      const codes = answers.map(({ body }) => (body as { code?: string }).code ?? 'admitted');
      reasons.push(...codes.filter((code) => code !== 'try_again'));
      waiting = waiting.filter((_, i) => codes[i] === 'try_again');
    }
    expect(reasons.toSorted()).toEqual([
      ...Array(7).fill('access_denied'),
      ...Array(5).fill('admitted'),
    ]);
    expect(await api.tables.instances.list({})).toHaveLength(5);
  });

  test('by iam: machines of one role are told apart by their sessions', async () => {
    const { api, session } = await awsScene({ max_machines: 1 });
    const first = await joinFromAws(api, session('i-1'));
    expect(await joinFromAws(api, session('i-2'))).toBeDenied(api, 'too_many_machines');
    expect(await joinFromAws(api, session('i-1'))).toBeAdmitted();
    expect(await joinFromAws(api, session('i-1'), { renews: first })).toBeAdmitted();
  });

  test('as hosts: and a machine that is denied holds no name', async () => {
    const { api, machine, subscription } = await hostScene();
    const spec = { roles: ['Node', 'App'], bot_name: undefined, max_machines: 1 };
    await api.put(joinToken({ name: 'nodes', allow: [{ subscription: subscription.id }], spec }));
    expect(await join(api, machine('web'), HOST)).toBeAdmitted();
    expect(await join(api, machine('web'), { ...HOST, request: { role: 'App' } })).toBeAdmitted();
    expect(await join(api, machine('db'), HOST)).toBeDenied(api, 'too_many_machines');
    expect((await api.tables.names.list({})).map(({ key }) => key)).toEqual([
      'web.group1.test.example.org',
    ]);
  });

  test('a join that came to nothing holds a place for a minute', async () => {
    const storage = watchTables();
    const { api, machine } = await limitedScene(1, { tables: storage.tables });
    storage.fail('instances', 'down');
    expect(await join(api, machine(0))).toBeProblem('unavailable');
    storage.heal();
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
    api.clock.advance(60);
    expect(await join(api, machine(1))).toBeAdmitted();
  });

  test('a join that came to nothing before there was a limit has no place', async () => {
    const storage = watchTables();
    const { api, machine, limit } = await limitedScene(1, { tables: storage.tables });
    await limit(undefined);
    storage.fail('instances', 'down');
    const failed = await join(api, machine(0));
    storage.heal();
    api.clock.advance(60);
    expect(await join(api, machine(1))).toBeAdmitted();
    await limit(1);
    const again = await api.request('POST', '/v1/join', { body: failed.sent });
    expect(again).toBeDenied(api, 'too_many_machines');
  });

  test('more rows than are looked at once: the next attempts look at the rest', async () => {
    const { api, machine, limit, subscription } = await limitedScene(500);
    await limit(undefined);
    const more = Array.from({ length: 210 }, (_, i) =>
      subscription.virtualMachine(`x${i}`, { resourceGroup: 'group1', systemAssigned: true }),
    );
    await Promise.all(more.map((vm) => join(api, vm)));
    await limit(1);
    api.clock.advance(3600);
    expect(await join(api, machine(0))).toBeAdmitted();
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
    const rows = await api.tables.machines.list({});
    expect(rows.filter(({ key }) => key !== '!added').length).toBeLessThanOrEqual(210 - 98);
  });

  test('a machine whose two first joins overtake each other is known by both', async () => {
    const stored = createMemoryTables();
    let overtaking: (() => Promise<unknown>) | undefined;
    const list: Table['list'] = async (query) => {
      const first = overtaking;
      overtaking = undefined;
      await first?.();
      return stored.machines.list(query);
    };
    const machines = { ...stored.machines, list };
    const { api, machine } = await limitedScene(1, { tables: { ...stored, machines } });
    let faster: Attempt | undefined;
    // After the machine's row was read, and before the others' are.
    overtaking = async () => {
      faster = await join(api, machine(0));
    };
    const slower = await join(api, machine(0), { wish: { ttl: '1m' } });
    expect(slower).toBeAdmitted();
    expect(told(api)).toMatchObject([{ beside: [faster && idOf(faster)] }]);
    api.clock.advance(60);
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
  });
});

describe('L3 the limit of machines is never in the way of', () => {
  test.each<[string, (api: TestBroker, vm: VirtualMachine, first: Attempt) => Promise<Attempt>]>([
    ['a renewal', (api, vm, first) => join(api, vm, { renews: first })],
    [
      'the very same request again',
      async (api, _, { sent, key }) => {
        const answer = await api.request('POST', '/v1/join', { body: sent });
        return { ...answer, sent, key };
      },
    ],
    ['a machine that was reinstalled', (api, vm) => join(api, vm)],
    ['a machine that was made anew', (api, vm) => join(api, vm.recreate())],
  ])('%s', async (_, act) => {
    const { api, machine, limit } = await limitedScene(2);
    const first = await join(api, machine(0));
    await join(api, machine(1));
    expect(await act(api, machine(0), first)).toBeAdmitted();
    await limit(1);
    expect(await join(api, machine(1))).toBeAdmitted();
  });

  test('many joins of one machine: it has one place', async () => {
    const { api, vm, machine } = await limitedScene(2);
    for (let i = 0; i < 24; i += 1) {
      if (i % 8 === 0) api.clock.advance(10);
      expect(await join(api, vm)).toBeAdmitted();
    }
    expect(await join(api, machine(0))).toBeAdmitted();
    expect(await join(api, machine(1))).toBeDenied(api, 'too_many_machines');
  });

  test("the SDK's own second try of a write", async () => {
    const storage = watchTables();
    const { api, vm } = await limitedScene(1, { tables: storage.tables });
    storage.fail('machines', 'tried_twice');
    expect(await join(api, vm)).toBeAdmitted();
  });
});

describe('L4 refuses to create a join token with max_machines', () => {
  test.each([0, -1, 1.5, 501, '3', null])('%j', async (max_machines) => {
    await expect(limitedScene(max_machines as number)).rejects.toThrow('spec.max_machines');
  });

  test('and a secret, which is good for one instance', async () => {
    const { api } = await createScene();
    await expect(makeSecret(api, { spec: { max_machines: 1 } })).rejects.toThrow(
      'a secret is good for one instance',
    );
  });
});

describe('what a first join asks of storage for it', () => {
  const machinesAsked = async (max_machines: number | undefined): Promise<readonly string[]> => {
    const stored = createMemoryTables();
    const asked: string[] = [];
    const watch = (name: string, table: Table): Table => ({
      read: (...row) => {
        asked.push(`read ${name}`);
        return table.read(...row);
      },
      list: (query) => {
        asked.push(`list ${name}`);
        return table.list(query);
      },
      apply: (operations) => {
        asked.push(`write ${name}`);
        return table.apply(operations);
      },
    });
    const tables = {
      ...stored,
      machines: watch('machines', stored.machines),
      instances: watch('instances', stored.instances),
    };
    const { api, machine, limit } = await limitedScene(2, { tables });
    await limit(max_machines);
    await join(api, machine(0));
    asked.length = 0;
    await join(api, machine(1));
    return asked;
  };

  test.each<[string, number | undefined, readonly string[]]>([
    ['one read and one write', undefined, ['read machines', 'write machines', 'write instances']],
    [
      'a list in addition, where there is a limit',
      2,
      ['read machines', 'list machines', 'write machines', 'write instances'],
    ],
  ])('%s', async (_, limit, expected) => {
    expect(await machinesAsked(limit)).toEqual(expected);
  });
});

describe('L5', () => {
  test.each([undefined, 1])(
    'a machine makes eight instances of a join token in ten seconds (max_machines %s); the next one waits as long as is said',
    async (max) => {
      const { api, machine, limit } = await limitedScene(1);
      await limit(max);
      for (let i = 0; i < 8; i += 1) {
        expect(await join(api, machine(0))).toBeAdmitted();
        api.clock.advance(1);
      }
      const attempt = await join(api, machine(0));
      expect(attempt).toBeProblem('throttled');
      expect(attempt.headers.get('retry-after')).toBe('2');
      api.clock.advance(2);
      expect(await join(api, machine(0))).toBeAdmitted();
    },
  );

  test('a renewal, the very same request again and another machine never wait', async () => {
    const { api, machine, limit } = await limitedScene(2);
    await limit(undefined);
    let last = await join(api, machine(0));
    for (let i = 0; i < 7; i += 1) last = await join(api, machine(0));
    expect(await join(api, machine(0))).toBeProblem('throttled');
    expect((await api.request('POST', '/v1/join', { body: last.sent })).status).toBe(200);
    expect(await join(api, machine(0), { renews: last })).toBeAdmitted();
    expect(await join(api, machine(1))).toBeAdmitted();
  });

  test('who comes fifty times at once, on three function instances, makes eight', async () => {
    const { api, machine, limit } = await limitedScene(1);
    await limit(undefined);
    const functions = [api, api.another(), api.another()];
    const attempts = await Promise.all(
      Array.from({ length: 50 }, (_, i) => join(functions[i % 3] ?? api, machine(0))),
    );
    const admitted = attempts.filter(({ status }) => status === 200);
    expect(admitted.length).toBeLessThanOrEqual(8);
    for (const { status } of attempts) expect([200, 409, 429]).toContain(status);
  });
});
