/** Conformance: which machines the allow rules of a join token admit (rows R1 to R7). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import { botExample, createScene, joinToken } from '../broker/fixtures.ts';
import { type Attempt, join, joined } from '../broker/joiner.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';

/** Where the machine of a test lies, for its rules. */
interface Place {
  readonly tenant: string;
  readonly subscription: string;
  readonly otherTenant: string;
  readonly otherSubscription: string;
}

interface Row {
  readonly row: string;
  readonly name: string;
  readonly rules: (place: Place) => readonly object[];
  /** The group of the machine; `group1` by default. */
  readonly group?: string;
}

const ADMITTED: readonly Row[] = [
  {
    row: 'R1',
    name: 'subscription and resource group match',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['group1'] }],
  },
  {
    row: 'R1',
    name: 'second of the resource groups matches',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['group0', 'group1'] }],
  },
  { row: 'R2', name: 'tenant alone matches', rules: ({ tenant }) => [{ tenant }] },
  {
    row: 'R2',
    name: 'tenant and subscription match',
    rules: ({ tenant, subscription }) => [{ tenant, subscription }],
  },
  {
    row: 'R2',
    name: 'tenant, subscription and resource group match',
    rules: ({ tenant, subscription }) => [{ tenant, subscription, resource_groups: ['group1'] }],
  },
  {
    row: 'R3',
    name: 'second of several rules matches',
    rules: ({ subscription, otherSubscription, otherTenant }) => [
      { subscription: otherSubscription },
      { subscription },
      { tenant: otherTenant },
    ],
  },
  {
    row: 'R4',
    name: 'resource group of the rule is in another case',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['GROUP1'] }],
  },
  {
    row: 'R4',
    name: 'resource group of the machine is in another case',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['group1'] }],
    group: 'Group1',
  },
  {
    row: 'R4',
    name: 'subscription GUID is in another case',
    rules: ({ subscription }) => [{ subscription: subscription.toUpperCase() }],
  },
  {
    row: 'R4',
    name: 'tenant GUID is in another case',
    rules: ({ tenant }) => [{ tenant: tenant.toUpperCase() }],
  },
  {
    row: 'R5',
    name: 'resource_groups is omitted: any group of the subscription',
    rules: ({ subscription }) => [{ subscription }],
    group: 'any-group',
  },
];

const DENIED: readonly Row[] = [
  {
    row: 'R6',
    name: 'other subscription',
    rules: ({ otherSubscription }) => [{ subscription: otherSubscription }],
  },
  {
    row: 'R6',
    name: 'other resource group',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['group2'] }],
  },
  { row: 'R6', name: 'other tenant', rules: ({ otherTenant }) => [{ tenant: otherTenant }] },
  {
    row: 'R6',
    name: 'tenant matches but subscription does not',
    rules: ({ tenant, otherSubscription }) => [{ tenant, subscription: otherSubscription }],
  },
  {
    row: 'R6',
    name: 'subscription matches but tenant does not',
    rules: ({ subscription, otherTenant }) => [{ tenant: otherTenant, subscription }],
  },
  {
    row: 'R6',
    name: 'two rules that would admit it together, and neither alone',
    rules: ({ subscription, otherSubscription }) => [
      { subscription, resource_groups: ['group2'] },
      { subscription: otherSubscription, resource_groups: ['group1'] },
    ],
  },
  {
    row: 'R7',
    name: 'group `rg` in the rule, machine in `rg-prod`',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['rg'] }],
    group: 'rg-prod',
  },
  {
    row: 'R7',
    name: 'group `rg` in the rule, machine in `my-rg`',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['rg'] }],
    group: 'my-rg',
  },
  {
    row: 'R7',
    name: 'group `rg.prod` in the rule, machine in `rg-prod`',
    rules: ({ subscription }) => [{ subscription, resource_groups: ['rg.prod'] }],
    group: 'rg-prod',
  },
];

/** Joins a machine of a tenant that the settings know, under these rules. */
async function joinUnder({
  rules,
  group = 'group1',
}: Row): Promise<{ api: TestBroker; vm: VirtualMachine; attempt: Attempt }> {
  const api = createTestBroker();
  const subscription = api.tenant.subscription();
  const otherTenant = api.cloud.tenant();
  const vm = subscription.virtualMachine('vm-a', { resourceGroup: group, systemAssigned: true });
  await api.put(botExample());
  const place = {
    tenant: api.tenant.id,
    subscription: subscription.id,
    otherTenant: otherTenant.id,
    otherSubscription: otherTenant.subscription().id,
  };
  await api.put(joinToken({ allow: rules(place) }));
  return { api, vm, attempt: await join(api, vm) };
}

describe('admits', () => {
  test.each(ADMITTED)('$row where the $name', async (row) => {
    const { api, vm, attempt } = await joinUnder(row);
    expect(attempt).toBeAdmitted();
    expect(joined(attempt)).toMatchObject({ bot: 'example', generation: 1 });
    expect(api.audit.at(-1)).toMatchObject({
      event: 'join',
      outcome: 'admitted',
      tenant: api.tenant.id,
      subscription: vm.subscription.id,
      vm_id: vm.vmId,
      resource_id: vm.resourceId.toLowerCase(),
    });
  });

  test('R2 a machine of a tenant that only the rule names', async () => {
    const api = createTestBroker();
    const tenant = api.cloud.tenant();
    const vm = tenant
      .subscription()
      .virtualMachine('vm-b', { resourceGroup: 'group1', systemAssigned: true });
    await api.put(botExample());
    await api.put(joinToken({ allow: [{ tenant: tenant.id }] }));
    expect(await join(api, vm)).toBeAdmitted();
  });
});

describe('denies', () => {
  test.each(DENIED)('$row $name', async (row) => {
    const { api, attempt } = await joinUnder(row);
    expect(attempt).toBeDenied(api, 'rule_mismatch');
  });

  test('R6 other resource group, of a machine that tells nobody where it is', async () => {
    const { api, subscription } = await createScene();
    const options = { resourceGroup: 'group2', systemAssigned: true };
    const vm = subscription.virtualMachine('vm-b', options);
    const evidence = { resourceId: null, token: { claims: { xms_mirid: null } } };
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'rule_mismatch');
    expect(api.audit.at(-1)).toMatchObject({ resource_id: vm.resourceId.toLowerCase() });
  });

  describe('R7 group `prod-k8s` in the rule, machine in a group with the Kelvin sign for its k', () => {
    const hidden = { resourceId: null, token: { claims: { xms_mirid: null } } };
    test.each([
      ['found by its hint', 'strict', {}, 'machine_mismatch'],
      ['found by its claim', 'strict', { resourceId: null }, 'access_token_not_machine'],
      ['found by a list', 'strict', hidden, 'machine_not_found'],
      ['bound by its hint and claims', 'claims', {}, 'machine_mismatch'],
      ['bound by its claims', 'claims', { resourceId: null }, 'access_token_not_machine'],
    ] as const)('%s', async (_, vm_binding, evidence, reason) => {
      const { api, subscription } = await createScene();
      const resourceGroup = 'prod-\u212a8s';
      const vm = subscription.virtualMachine('vm-b', { resourceGroup, systemAssigned: true });
      const allow = [{ subscription: subscription.id, resource_groups: ['prod-k8s'] }];
      await api.put(joinToken({ allow, azure: { vm_binding } }));
      expect(await join(api, vm, { evidence })).toBeDenied(api, reason);
    });
  });

  test('R7 VM `vm10` that says that it is `vm1`, and the other way round', async () => {
    const api = createTestBroker();
    const subscription = api.tenant.subscription();
    const options = { resourceGroup: 'group1', systemAssigned: true };
    const vm1 = subscription.virtualMachine('vm1', options);
    const vm10 = subscription.virtualMachine('vm10', options);
    await api.put(botExample());
    await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
    for (const [machine, said] of [
      [vm10, vm1],
      [vm1, vm10],
    ] as const) {
      const attempt = await join(api, machine, { evidence: { resourceId: said.resourceId } });
      expect(attempt).toBeDenied(api, 'machine_mismatch');
    }
  });
});

test('R6 R21 the operator is told which field of each rule did not match', async () => {
  const { api, vm } = await joinUnder({
    row: 'R6',
    name: '',
    rules: ({ tenant, subscription, otherTenant, otherSubscription }) => [
      { tenant: otherTenant },
      { tenant, subscription: otherSubscription },
      { subscription, resource_groups: ['group2'] },
    ],
  });
  const event = api.audit.at(-1);
  const detail = event?.event === 'join' ? event.detail : '';
  expect(String(detail).split(/: (?=rule 1)|; /)).toEqual([
    'no rule of join token example-bot admits this machine',
    expect.stringMatching(
      `^rule 1: tenant \`${api.tenant.id}\` is not in \\[\`[0-9a-f-]{36}\`\\]$`,
    ),
    expect.stringMatching(
      `^rule 2: subscription \`${vm.subscription.id}\` is not in \\[\`.{36}\`\\]$`,
    ),
    'rule 3: resource group `group1` is not in [`group2`]',
  ]);
});
