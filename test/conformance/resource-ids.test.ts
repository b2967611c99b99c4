/** Conformance: what hint and claims may name, and evidence that is not there (rows M12, M13, M15, M16). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { Subscription } from '../../local/azure/subscription.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';

const OWN = { resourceGroup: 'group1', systemAssigned: true } as const;
const NO_CLAIMS = { xms_mirid: null, xms_az_rid: null };

const anotherVm = (subscription: Subscription): string =>
  subscription.virtualMachine('vm-b', OWN).resourceId;

const idIn = ({ subscription }: Scene, path: string): string =>
  `/subscriptions/${subscription.id}/resourceGroups/group1/providers/${path}`;

describe('M12 denies a token that is used from', () => {
  test.each([
    ['a deployment script', 'Microsoft.ContainerInstance/containerGroups/script-1'],
    ['an App Service', 'Microsoft.Web/sites/site-1'],
    ['an automation account', 'Microsoft.Automation/automationAccounts/account-1'],
  ])('%s', async (_, path) => {
    const scene = await createScene();
    const claims = { xms_az_rid: idIn(scene, path) };
    const attempt = await join(scene.api, scene.vm, { evidence: { token: { claims } } });
    expect(attempt).toBeDenied(scene.api, 'access_token_not_machine');
  });

  test('an App Service whose own identity it is', async () => {
    const scene = await createScene();
    const claims = { xms_mirid: idIn(scene, 'Microsoft.Web/sites/site-1') };
    const attempt = await join(scene.api, scene.vm, { evidence: { token: { claims } } });
    expect(attempt).toBeDenied(scene.api, 'access_token_not_machine');
  });
});

const MALFORMED: readonly (readonly [name: string, id: (right: string) => string])[] = [
  ['is empty', () => ''],
  ['has extra segments', (id) => `${id}/extensions/agent`],
  ['has extra segments in front', (id) => `/providers/x${id}`],
  ['climbs with `..`', (id) => id.replace('/group1/', '/group1/../group1/')],
  ['has `..` for a group', (id) => id.replace('/group1/', '/../')],
  ['has `.` for a name', (id) => id.replace(/[^/]+$/, '.')],
  ['has a trailing slash', (id) => `${id}/`],
  ['has no leading slash', (id) => id.slice(1)],
  ['has a doubled slash', (id) => id.replace('/group1/', '/group1//')],
  [
    'is of another provider with the same type name',
    (id) => id.replace('Microsoft.Compute', 'Microsoft.ClassicCompute'),
  ],
  [
    'is of a provider whose name starts alike',
    (id) => id.replace('Microsoft.Compute', 'Microsoft.Compute.Evil'),
  ],
  [
    'has another character for the dot',
    (id) => id.replace('Microsoft.Compute', 'MicrosoftxCompute'),
  ],
  ['has an escaped slash', (id) => id.replace('/group1/', '/group1%2F/')],
  ['has a query', (id) => `${id}?api-version=2024-07-01`],
  ['has a line feed behind it', (id) => `${id}\n`],
  ['has a NUL in it', (id) => id.replace('group1', 'group1\0')],
  [
    'has a subscription that is no GUID',
    (id) => id.replace(/subscriptions\/[^/]+/, 'subscriptions/prod'),
  ],
];

describe('M13 denies a resource id that', () => {
  test.each(MALFORMED)('%s: as hint and as claim', async (_, bend) => {
    const { api, vm } = await createScene();
    const id = bend(vm.resourceId);
    const claimed = { resourceId: null, token: { claims: { xms_az_rid: id } } };
    const hinted = { resourceId: id };
    expect(await join(api, vm, { evidence: claimed })).toBeDenied(api, 'access_token_not_machine');
    expect(await join(api, vm, { evidence: hinted })).toBeDenied(api, 'machine_mismatch');
    expect(api.cloud.calls.to('management')).toEqual([]);
  });

  test('is a scale set, as hint', async () => {
    const { api, subscription } = await createScene();
    const set = subscription.scaleSet('set-u', { ...OWN, mode: 'Uniform' });
    const evidence = { resourceId: set.resourceId };
    expect(await join(api, set.instance(), { evidence })).toBeDenied(api, 'machine_mismatch');
  });
});

describe('M15 refuses a join without', () => {
  test.each([
    ['attested document', 'attested_data', 'azure.attested_data'],
    ['access token', 'access_token', 'azure.access_token'],
  ])('an %s', async (_, member, field) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, {
      changedBody: ({ azure, ...body }) => ({
        ...body,
        azure: { ...(azure as object), [member]: undefined },
      }),
    });
    expect(attempt).toBeProblem('bad_request', field);
  });

  test('any evidence', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedBody: ({ azure: _, ...body }) => body });
    expect(attempt).toBeProblem('bad_request', 'azure');
  });
});

describe('M16 denies a hint of', () => {
  const rows: readonly (readonly [
    name: string,
    hint: (scene: Scene) => string,
    reason: DenialReason,
  ])[] = [
    ['another VM', (scene) => anotherVm(scene.subscription), 'machine_mismatch'],
    [
      'a VM of another subscription',
      (scene) => anotherVm(scene.api.tenant.subscription()),
      'machine_mismatch',
    ],
    ['a VM that does not exist', ({ vm }) => `${vm.resourceId}-gone`, 'machine_mismatch'],
    [
      'an instance of a scale set',
      ({ subscription }) =>
        subscription.scaleSet('set-u', { ...OWN, mode: 'Uniform' }).instance().resourceId,
      'machine_mismatch',
    ],
  ];

  test.each(rows)('%s, which the claims contradict', async (_name, hint, reason) => {
    const scene = await createScene();
    const attempt = await join(scene.api, scene.vm, { evidence: { resourceId: hint(scene) } });
    expect(attempt).toBeDenied(scene.api, reason);
    expect(scene.api.cloud.calls.to('management')).toEqual([]);
  });

  test.each([
    ...rows.filter(([name]) => name !== 'a VM that does not exist'),
    [
      'a VM that does not exist',
      ({ vm }: Scene) => `${vm.resourceId}-gone`,
      'machine_not_found',
    ] as const,
  ])('%s, without claims', async (_name, hint, reason) => {
    const scene = await createScene();
    const evidence = { resourceId: hint(scene), token: { claims: NO_CLAIMS } };
    expect(await join(scene.api, scene.vm, { evidence })).toBeDenied(scene.api, reason);
  });

  test('the instance of another scale set than the token names', async () => {
    const { api, subscription } = await createScene();
    const [set, other] = ['set-u', 'set-v'].map((name) =>
      subscription.scaleSet(name, { ...OWN, mode: 'Uniform' }),
    );
    const vm = set?.instance();
    const resourceId = other?.instance().resourceId ?? '';
    if (!vm) throw new Error('no machine');
    expect(await join(api, vm, { evidence: { resourceId } })).toBeDenied(api, 'machine_mismatch');
  });

  test('a VM of a flexible scale set, while the token names another set', async () => {
    const { api, subscription } = await createScene();
    const [set, other] = ['set-f', 'set-g'].map((name) =>
      subscription.scaleSet(name, { ...OWN, mode: 'Flexible' }),
    );
    const vm = set?.instance();
    if (!vm) throw new Error('no machine');
    const token = { claims: { xms_mirid: other?.resourceId } };
    expect(await join(api, vm, { evidence: { token } })).toBeDenied(api, 'machine_mismatch');
  });

  test.each(['strict', 'claims'])(
    'the same VM, while the two claims name two VMs (vm_binding: %s)',
    async (vm_binding) => {
      const { api, subscription, vm } = await createScene();
      const allow = [{ subscription: subscription.id }];
      await api.put(joinToken({ allow, azure: { vm_binding } }));
      const claims = { xms_az_rid: vm.resourceId, xms_mirid: anotherVm(subscription) };
      const evidence = { token: { claims } };
      expect(await join(api, vm, { evidence })).toBeDenied(api, 'machine_mismatch');
    },
  );

  test('more than 1,024 characters is no hint', async () => {
    const { api, vm } = await createScene();
    const evidence = { resourceId: `${vm.resourceId}${'x'.repeat(1024)}` };
    expect(await join(api, vm, { evidence })).toBeProblem('bad_request', 'azure.resource_id');
  });
});
