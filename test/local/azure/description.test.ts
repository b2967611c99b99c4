import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describedCloud } from '../../../local/azure/description.ts';
import { keys, NOW } from './fixture.ts';

const options = { now: () => NOW, keys };
const EXAMPLE = readFileSync(
  new URL('../../../examples/local-azure.yaml', import.meta.url),
  'utf8',
);

test("the example has the machines that the guides' YAML speaks of", () => {
  const { tenant, machines, application, operators } = describedCloud(EXAMPLE, options);
  expect([...machines.keys()]).toEqual([
    'vm-user',
    'vm-system',
    'vm-other-group',
    'set-uniform_0',
    'set-uniform_1',
    'set-flexible_00000000',
    'vm-other-subscription',
  ]);
  const vm = machines.get('vm-user');
  expect(vm?.tenant).toBe(tenant);
  expect(vm?.subscription.id).toBe('11111111-1111-1111-1111-111111111111');
  expect(vm?.resourceGroup).toBe('group1');
  expect(vm?.identities.userAssigned.map(({ clientId }) => clientId)).toEqual([
    '22222222-2222-2222-2222-222222222222',
  ]);
  expect(machines.get('vm-system')?.identities.systemAssigned).toBeDefined();
  expect(machines.get('vm-other-group')?.resourceGroup).not.toBe('group1');
  expect(machines.get('vm-other-subscription')?.subscription.id).not.toBe(vm?.subscription.id);
  expect(application.appRoles).toEqual([
    'JoinBroker.Admin',
    'JoinBroker.Reader',
    'JoinBroker.AuthorityAdmin',
  ]);
  expect(operators.get('admin')?.roles).toEqual(['JoinBroker.Admin', 'JoinBroker.AuthorityAdmin']);
  expect(operators.get('reader')?.roles).toEqual(['JoinBroker.Reader']);
});

test.for([
  [
    'an unknown field',
    EXAMPLE.replace('mode: Uniform', 'mode: Uniform\n        mood: good'),
    'scale_sets[0].mood: unknown field',
  ],
  ['no tenant', EXAMPLE.replace(/^tenant: .*/m, ''), 'tenant: '],
  [
    'an id that is no GUID',
    EXAMPLE.replace(/id: 4{8}-.*/, 'id: four'),
    'subscriptions[1].id: expected a GUID',
  ],
  [
    'an unknown identity',
    EXAMPLE.replace('identities: [example-identity]', 'identities: [nobody]'),
    'No identity of the description is called nobody',
  ],
  [
    'two machines of one name',
    EXAMPLE.replace('vm-other-subscription', 'vm-user'),
    'two of the machine vm-user',
  ],
  [
    'an unknown role',
    EXAMPLE.replace('roles: [JoinBroker.Reader]', 'roles: [Root]'),
    'no app role Root',
  ],
  [
    'a thousand instances',
    EXAMPLE.replace('instances: 2', 'instances: 1000'),
    'scale_sets[0].instances: ',
  ],
  ['what is no YAML', 'tenant: [', 'is no YAML: look at line 1'],
] as const)('%s is refused', ([, yaml, message]) => {
  expect(() => describedCloud(yaml, options)).toThrow(message);
});
