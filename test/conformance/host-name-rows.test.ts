/** Conformance: the rows that say whose a host's name is, when something fails or comes twice (row H2 of docs/conformance.md). */
import { describe, expect, test } from 'vitest';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import type { Table } from '../../shared/storage/table.ts';
import '../broker/matchers.ts';
import { HOST, hostScene } from '../broker/host-scene.ts';
import { CLUSTER, join, joined, makeJoin } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import type { TestBroker } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';

describe('H2 the row of a name', () => {
  const taken = async (api: TestBroker): Promise<readonly string[]> =>
    (await api.tables.names.list({})).map(({ key }) => key);

  test('is not written for a machine that no rule admits', async () => {
    const { api } = await hostScene();
    const stranger = api.tenant.subscription().virtualMachine('web', {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    expect(await join(api, stranger, HOST)).toBeDenied(api, 'rule_mismatch');
    expect(await taken(api)).toEqual([]);
  });

  test('is not written where another of its names is taken', async () => {
    const { api, machine } = await hostScene([
      '{{vm_name}}.{{resource_group}}.{{cluster}}',
      '{{vm_name}}.{{cluster}}',
    ]);
    await join(api, machine('web'), HOST);
    const other = machine('web', { resourceGroup: 'group2' });
    expect(await join(api, other, HOST)).toBeDenied(api, 'host_name_taken');
    expect(await taken(api)).toEqual([`web.group1.${CLUSTER}`, `web.${CLUSTER}`]);
  });

  test('is kept when its answer is lost: the same request again is admitted', async () => {
    const storage = watchTables();
    const { api, machine } = await hostScene(undefined, { tables: storage.tables });
    const body = await makeJoin(api, machine('web'), HOST);
    storage.fail('names', 'answer_lost');
    expect(await api.request('POST', '/v1/join', { body })).toBeProblem('unavailable');
    expect(await api.tables.instances.list({})).toEqual([]);
    storage.heal();
    expect(await api.request('POST', '/v1/join', { body })).toMatchObject({
      status: 200,
      body: { generation: 1 },
    });
  });

  test('must be written, or there is no certificate', async () => {
    const storage = watchTables();
    const { api, machine } = await hostScene(undefined, { tables: storage.tables });
    storage.fail('names', 'down');
    expect(await join(api, machine('web'), HOST)).toBeProblem('unavailable');
    expect(await api.tables.instances.list({})).toEqual([]);
  });

  test.each([
    ['a renewal', true, 'instance_unknown'],
    ['a first join that is sent again', false, 'instance_removed'],
  ] as const)(
    'that an operator frees stays free, although %s of the instance that he removed is under way',
    async (_, renews, answer) => {
      const stored = createMemoryTables();
      let meanwhile: (() => Promise<void>) | undefined;
      const read: Table['read'] = async (...row) => {
        const act = meanwhile;
        meanwhile = undefined;
        await act?.();
        return stored.names.read(...row);
      };
      const tables = { ...stored, names: { ...stored.names, read } };
      const { api, machine } = await hostScene(undefined, { tables });
      const vm = machine('web');
      const first = await join(api, vm, HOST);
      const body = renews ? await makeJoin(api, vm, { ...HOST, renews: first }) : first.sent;
      const admin = signIn(api, 'JoinBroker.Admin');
      meanwhile = async () => {
        const { instance_id } = joined(first);
        await admin.request('DELETE', `/v1/instances/host:Node/${instance_id}`);
        await admin.request('DELETE', `/v1/names/web.group1.${CLUSTER}`);
      };
      const late = await api.request('POST', '/v1/join', { body });
      expect(meanwhile).toBeUndefined();
      if (answer === 'instance_unknown') expect(late).toBeProblem(answer);
      else expect(late).toBeDenied(api, answer);
      expect(await taken(api)).toEqual([]);
      expect(await join(api, machine('web'), HOST)).toBeAdmitted();
    },
  );

  test('is one, although the same request comes 20 times at once', async () => {
    const { api, machine } = await hostScene();
    const body = await makeJoin(api, machine('web'), HOST);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.request('POST', '/v1/join', { body })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await taken(api)).toEqual([`web.group1.${CLUSTER}`]);
  });
});
