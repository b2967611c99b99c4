import { describe, expect, test } from 'vitest';
import type { MachineDescription } from '../../../shared/attestation/azure/machine-directory.ts';
import { describeMachine } from '../../../shared/joining/explain-machine.ts';
import type { ExplainRequest } from '../../../shared/protocol/explain.ts';
import { SUBSCRIPTION } from '../resources/samples.ts';

const compute = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Group1/providers/Microsoft.Compute`;
const VM = `${compute}/virtualMachines/vm-a`;
const INSTANCE = `${compute}/virtualMachineScaleSets/set-a/virtualMachines/7`;
const IN_GROUP = { subscription: SUBSCRIPTION, group: 'group1' };

const machine: MachineDescription = {
  id: { kind: 'vm', ...IN_GROUP, vm: 'vm-a' },
  vmId: 'vm-id',
  scaleSet: undefined,
  location: 'westeurope',
  identities: [{ principalId: 'own', resourceId: undefined }],
  tags: { env: 'prod', tier: '1' },
};
const shared = { principalId: 'Shared', clientId: 'Client', resourceId: '/Resource' };

const describeOf = (
  change: Partial<MachineDescription> = {},
  asked: ExplainRequest = {},
  resourceId = VM,
) => describeMachine(asked, resourceId, { read: async () => ({ ...machine, ...change }) });

test('a machine has the facts that Azure has of it, as its identity', async () => {
  const asked: ExplainRequest = { token: 'one', role: 'Node', tenant: 'tenant' };
  expect(await describeOf({}, asked)).toEqual({
    steps: [
      {
        step: 'machine',
        result: 'ok',
        detail: 'vm-a in group1, westeurope, vmId vm-id, 1 identity, tags env=prod tier=1',
      },
    ],
    facts: [
      {
        ...asked,
        subscription: SUBSCRIPTION,
        resource_group: 'group1',
        vm_name: 'vm-a',
        vm_id: 'vm-id',
        scale_set: '',
        location: 'westeurope',
        tags: { env: 'prod', tier: '1' },
        identity: 'own',
        identityNames: ['own'],
      },
    ],
  });
});

test('what Azure does not say is left out', async () => {
  const { steps, facts } = await describeOf({ location: undefined, tags: undefined });
  expect(steps[0]?.detail).toBe('vm-a in group1, vmId vm-id, 1 identity');
  expect(facts).toMatchObject([{ location: undefined, tags: {} }]);
});

describe('its scale set', () => {
  test('is the flexible one that it belongs to', async () => {
    const { facts } = await describeOf({ scaleSet: 'set-f' });
    expect(facts).toMatchObject([{ vm_name: 'vm-a', scale_set: 'set-f' }]);
  });

  test('is the one that it is an instance of', async () => {
    const id = { kind: 'instance', ...IN_GROUP, set: 'set-a', instance: '7' } as const;
    const { steps, facts } = await describeOf({ id }, {}, INSTANCE);
    expect(facts).toMatchObject([{ vm_name: 'set-a_7', scale_set: 'set-a' }]);
    expect(steps[0]?.detail).toContain('set-a_7 in group1');
  });
});

describe('with several identities it has its facts', () => {
  const identities = [...machine.identities, shared];

  test('once for each, with everything that one is named by in lower case', async () => {
    const { steps, facts } = await describeOf({ identities });
    expect(facts).toMatchObject([
      { identity: 'own', identityNames: ['own'] },
      { identity: 'Shared', identityNames: ['shared', 'client', '/resource'] },
    ]);
    expect(steps[0]?.detail).toContain('2 identities');
  });

  test.each(['shared', 'CLIENT', '/resource'])('as the one that is named: %s', async (identity) => {
    const { facts } = await describeOf({ identities }, { identity });
    expect(facts).toMatchObject([{ identity: 'Shared' }]);
  });

  test('as none where it does not have the one that is named', async () => {
    expect((await describeOf({ identities }, { identity: 'other' })).facts).toEqual([]);
  });
});

test('without an identity it can not join', async () => {
  const { steps, facts } = await describeOf({ identities: [] });
  expect(facts).toEqual([]);
  expect(steps).toEqual([
    { step: 'machine', result: 'ok', detail: expect.stringContaining('0 identities') },
    {
      step: 'machine',
      result: 'denied',
      reason: 'machine_identity',
      detail: 'it has no managed identity: it can get no access token',
    },
  ]);
});

test('one that Azure does not know can not join', async () => {
  expect(await describeMachine({}, VM, { read: async () => undefined })).toEqual({
    steps: [
      {
        step: 'machine',
        result: 'denied',
        reason: 'machine_not_found',
        detail: 'the management API knows no such machine',
      },
    ],
    facts: [],
  });
});

test.each(['vm-a', `${compute}/virtualMachineScaleSets/set-a`])(
  'nobody is asked about %s, which is no machine',
  async (resourceId) => {
    const read = () => Promise.reject(new Error('asked'));
    await expect(describeMachine({}, resourceId, { read })).rejects.toMatchObject({
      code: 'bad_request',
      field: 'resource_id',
      message: 'expected the resource id of a virtual machine, or of an instance of a scale set',
    });
  },
);
