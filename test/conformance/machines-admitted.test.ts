/** Conformance: machines of every kind that prove which one they are (rows M1 to M8). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { EvidenceOptions, Machine } from '../../local/azure/machine.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import type { TestBroker } from '../broker/test-broker.ts';

interface Row {
  readonly row: string;
  readonly name: string;
  readonly machine: (scene: Scene) => Machine;
  readonly evidence?: (machine: Machine) => EvidenceOptions;
}

const NO_HINT = { resourceId: null } as const;
const noClaims = { token: { claims: { xms_mirid: null, xms_az_rid: null } } };
const inGroup1 = { resourceGroup: 'group1' } as const;
const ownIdentity = { ...inGroup1, systemAssigned: true } as const;

const identityOf = ({ api, subscription }: Scene, place: 'group' | 'subscription') => {
  const home = place === 'group' ? subscription : api.tenant.subscription();
  return home.userAssignedIdentity('uami-1', { resourceGroup: 'identities' });
};

const userVm = (scene: Scene, place: 'group' | 'subscription' = 'group'): Machine =>
  scene.subscription.virtualMachine('vm-user', {
    ...inGroup1,
    identities: [identityOf(scene, place)],
  });

const uniformInstance = ({ subscription }: Scene): Machine => {
  const set = subscription.scaleSet('set-u', { ...ownIdentity, mode: 'Uniform' });
  set.instance();
  return set.instance();
};

const flexibleInstance = ({ subscription }: Scene): Machine =>
  subscription.scaleSet('set-f', { ...ownIdentity, mode: 'Flexible' }).instance();

const ROWS: readonly Row[] = [
  { row: 'M1', name: 'a VM with its own identity', machine: ({ vm }) => vm },
  {
    row: 'M1',
    name: 'a VM with its own identity that only its token names',
    machine: ({ vm }) => vm,
    evidence: () => NO_HINT,
  },
  {
    row: 'M2',
    name: 'a VM with a user-assigned identity of another resource group',
    machine: (scene) => userVm(scene),
  },
  {
    row: 'M2',
    name: 'a VM with a user-assigned identity of another subscription',
    machine: (scene) => userVm(scene, 'subscription'),
  },
  {
    row: 'M2',
    name: 'a VM with a user-assigned identity that only its token names',
    machine: (scene) => userVm(scene),
    evidence: () => NO_HINT,
  },
  {
    row: 'M2',
    name: 'a VM with two user-assigned identities and its own, by the second of them',
    machine: ({ subscription }) =>
      subscription.virtualMachine('vm-many', {
        ...ownIdentity,
        identities: ['uami-1', 'uami-2'].map((name) =>
          subscription.userAssignedIdentity(name, { resourceGroup: 'identities' }),
        ),
      }),
    evidence: ({ identities }) => {
      const [, identity] = identities.userAssigned;
      return identity ? { token: { identity } } : {};
    },
  },
  {
    row: 'M3',
    name: 'a VM with a user-assigned identity that nothing names, found by its vmId',
    machine: (scene) => userVm(scene),
    evidence: () => ({ ...NO_HINT, token: { claims: { xms_az_rid: null } } }),
  },
  { row: 'M4', name: 'an instance of a uniform scale set', machine: uniformInstance },
  {
    row: 'M4',
    name: 'an instance of a uniform scale set of which the token names the set only',
    machine: uniformInstance,
    evidence: () => NO_HINT,
  },
  {
    row: 'M4',
    name: 'an instance of a uniform scale set with a user-assigned identity',
    machine: (scene) =>
      scene.subscription
        .scaleSet('set-u', {
          ...inGroup1,
          mode: 'Uniform',
          identities: [identityOf(scene, 'group')],
        })
        .instance(),
  },
  { row: 'M4', name: 'a VM of a flexible scale set', machine: flexibleInstance },
  {
    row: 'M4',
    name: 'a VM of a flexible scale set without a hint',
    machine: flexibleInstance,
    evidence: () => NO_HINT,
  },
  {
    row: 'M4',
    name: 'a VM of a flexible scale set whose token names the set',
    machine: flexibleInstance,
    evidence: ({ scaleSet }) => ({ token: { claims: { xms_mirid: scaleSet?.resourceId } } }),
  },
  {
    row: 'M5',
    name: 'a VM whose group the management API writes in upper case',
    machine: ({ subscription }) =>
      subscription.virtualMachine('vm-upper', { ...ownIdentity, upperCaseGroup: true }),
  },
  {
    row: 'M5',
    name: 'a VM whose group hint and token write in upper case',
    machine: ({ vm }) => vm,
    evidence: ({ resourceId }) => ({
      resourceId: resourceId.toUpperCase(),
      token: { claims: { xms_mirid: resourceId.replace('group1', 'GROUP1') } },
    }),
  },
  {
    row: 'M5',
    name: 'an instance of a uniform scale set whose group the management API writes in upper case',
    machine: ({ subscription }) =>
      subscription
        .scaleSet('set-u', { ...ownIdentity, mode: 'Uniform', upperCaseGroup: true })
        .instance(),
    evidence: () => NO_HINT,
  },
  {
    row: 'M6',
    name: 'a VM whose token names nothing, by its vmId and identity alone',
    machine: ({ vm }) => vm,
    evidence: () => noClaims,
  },
  {
    row: 'M6',
    name: 'an instance of a uniform scale set whose token names nothing',
    machine: uniformInstance,
    evidence: () => noClaims,
  },
  {
    row: 'M7',
    name: 'a VM of a flexible scale set whose user-assigned identity has no principal id in the VM',
    machine: (scene) =>
      scene.subscription
        .scaleSet('set-f', {
          ...inGroup1,
          mode: 'Flexible',
          identities: [identityOf(scene, 'subscription')],
          nullPrincipalIds: true,
        })
        .instance(),
  },
];

test.each(ROWS)('$row admits $name', async ({ machine: choose, evidence }) => {
  const scene = await createScene();
  const machine = choose(scene);
  const attempt = await join(scene.api, machine, { evidence: evidence?.(machine) ?? {} });
  expect(attempt).toBeAdmitted();
  expect(scene.api.audit.at(-1)).toMatchObject({
    vm_id: machine.vmId,
    subscription: machine.subscription.id,
    resource_id: machine.resourceId.toLowerCase(),
  });
});

test('M5 admits where the management API writes every GUID in upper case', async () => {
  const { api } = await createScene();
  const fetch: typeof api.cloud.fetch = async (input, init) => {
    const response = await api.cloud.fetch(input, init);
    if (!String(input).includes('/management/')) return response;
    const text = (await response.text()).replace(/[0-9a-f]{8}(-[0-9a-f]{4,12}){4}/g, (id) =>
      id.toUpperCase(),
    );
    return new Response(text, response);
  };
  const scene = await createScene({ cloud: { ...api.cloud, fetch }, clock: api.clock });
  expect(await join(scene.api, scene.vm)).toBeAdmitted();
  expect(await join(scene.api, userVm(scene))).toBeAdmitted();
});

const managementCalls = ({ cloud }: TestBroker): readonly string[] =>
  cloud.calls.to('management').map(({ path }) => path.toLowerCase());

test('M6 reads exactly the VM of the hint, and lists nothing', async () => {
  const { api, vm } = await createScene();
  expect(await join(api, vm, { evidence: noClaims })).toBeAdmitted();
  expect(managementCalls(api)).toEqual([vm.resourceId.toLowerCase()]);
});

describe('M8 the second join of the same machine', () => {
  const SIX_HOURS = 6 * 3600;

  test('within six hours calls nobody', async () => {
    const { api, vm } = await createScene();
    await join(api, vm);
    api.cloud.calls.clear();
    api.clock.advance(SIX_HOURS - 1);
    expect(await join(api, vm)).toBeAdmitted();
    expect(api.cloud.calls.all).toEqual([]);
  });

  test('after six hours asks the management API again', async () => {
    const { api, vm } = await createScene();
    await join(api, vm);
    api.cloud.calls.clear();
    api.clock.advance(SIX_HOURS);
    expect(await join(api, vm)).toBeAdmitted();
    expect(managementCalls(api)).toEqual([vm.resourceId.toLowerCase()]);
  });

  test('with another identity asks the management API again', async () => {
    const { api, vm, subscription } = await createScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'identities' });
    await join(api, vm);
    vm.assign(identity);
    api.cloud.calls.clear();
    expect(await join(api, vm, { evidence: { token: { identity } } })).toBeAdmitted();
    expect(managementCalls(api)).toEqual([vm.resourceId.toLowerCase()]);
  });
});

describe('with vm_binding: claims, without the management API, admits', () => {
  const claimsScene = async (): Promise<Scene> => {
    const scene = await createScene();
    const allow = [{ subscription: scene.subscription.id, resource_groups: ['group1'] }];
    await scene.api.put(joinToken({ allow, azure: { vm_binding: 'claims' } }));
    return scene;
  };

  test.each([
    ['M1', 'a VM with its own identity', ({ vm }: Scene) => vm, {}],
    ['M1', 'a VM that only its token names', ({ vm }: Scene) => vm, NO_HINT],
    ['M2', 'a VM with a user-assigned identity', (scene: Scene) => userVm(scene), {}],
    ['M4', 'an instance of a uniform scale set', uniformInstance, {}],
  ] as const)('%s %s', async (_row, _name, choose, evidence) => {
    const scene = await claimsScene();
    expect(await join(scene.api, choose(scene), { evidence })).toBeAdmitted();
    expect(managementCalls(scene.api)).toEqual([]);
  });
});
