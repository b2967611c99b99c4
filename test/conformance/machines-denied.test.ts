/** Conformance: document and token that are not of one machine, or of none that Azure knows (rows M9 to M11). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';

const OWN = { resourceGroup: 'group1', systemAssigned: true } as const;
const NO_CLAIMS = { xms_mirid: null, xms_az_rid: null };

/** A scene whose join token admits every machine of the tenant, so that only binding can say no. */
async function tenantScene(azure: object = {}): Promise<Scene> {
  const scene = await createScene();
  await scene.api.put(joinToken({ allow: [{ tenant: scene.api.tenant.id }], azure }));
  return scene;
}

const OTHERS = {
  'the same group': ({ subscription }: Scene) => subscription.virtualMachine('vm-b', OWN),
  'the same subscription': ({ subscription }: Scene) =>
    subscription.virtualMachine('vm-b', { ...OWN, resourceGroup: 'group2' }),
  'another subscription': ({ api }: Scene) => api.tenant.subscription().virtualMachine('vm-b', OWN),
} as const;

describe('M9 denies a document of one VM with the token of another', () => {
  const rows = (Object.keys(OTHERS) as (keyof typeof OTHERS)[]).flatMap((place) =>
    (['with', 'without'] as const).flatMap((claims) =>
      (["the document's VM", "the token's VM", 'no'] as const).map((hint) => ({
        place,
        claims,
        hint,
      })),
    ),
  );

  test.each(rows)('in $place, $claims claims in the token, $hint as hint', async (row) => {
    const scene = await tenantScene();
    const { api, vm } = scene;
    const other = OTHERS[row.place](scene);
    const token = other.accessToken(row.claims === 'with' ? {} : { claims: NO_CLAIMS });
    const hints = {
      "the document's VM": vm.resourceId,
      "the token's VM": other.resourceId,
      no: null,
    };
    const attempt = await join(api, vm, { evidence: { token, resourceId: hints[row.hint] } });
    // Where nothing points at the token's VM, the document's VM is looked up, and has another identity.
    const named = row.claims === 'with' || row.hint === "the token's VM";
    expect(attempt).toBeDenied(api, named ? 'machine_mismatch' : 'machine_identity');
  });

  test('of another subscription, also where vm_binding is claims', async () => {
    const scene = await tenantScene({ vm_binding: 'claims' });
    const other = OTHERS['another subscription'](scene);
    for (const resourceId of [scene.vm.resourceId, other.resourceId, null]) {
      const evidence = { token: other.accessToken(), resourceId };
      const attempt = await join(scene.api, scene.vm, { evidence });
      expect(attempt).toBeDenied(scene.api, 'machine_mismatch');
    }
  });

  test('although both have joined before', async () => {
    const scene = await tenantScene();
    const { api, vm } = scene;
    const other = OTHERS['the same group'](scene);
    expect(await join(api, vm)).toBeAdmitted();
    expect(await join(api, other)).toBeAdmitted();
    const evidence = { token: other.accessToken({ claims: NO_CLAIMS }) };
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'machine_identity');
  });

  test('of one scale set, where both act as the same identity and the token names the other', async () => {
    const { api, subscription } = await tenantScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
    const set = subscription.scaleSet('set-f', {
      resourceGroup: 'group1',
      mode: 'Flexible',
      identities: [identity],
    });
    const [vm, other] = [set.instance(), set.instance()];
    expect(await join(api, vm)).toBeAdmitted();
    const attempt = await join(api, vm, { evidence: { token: other.accessToken() } });
    expect(attempt).toBeDenied(api, 'machine_mismatch');
  });
});

describe('M10 denies a VM', () => {
  test.each([
    ['the hint', {}],
    ['the token', { resourceId: null }],
    ['nothing but its vmId', { resourceId: null, token: { claims: NO_CLAIMS } }],
  ])('that the management API does not know, named by %s', async (_, evidence) => {
    const { api, vm } = await createScene();
    vm.remove();
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'machine_not_found');
  });

  test.each([
    ['its own identity', OWN],
    ['a user-assigned identity', { resourceGroup: 'group1' }],
  ])('that was deleted and created again under the same name, with %s', async (_, options) => {
    const { api, subscription } = await createScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
    const identities = 'systemAssigned' in options ? [] : [identity];
    const old = subscription.virtualMachine('vm-old', { ...options, identities });
    old.recreate();
    expect(await join(api, old)).toBeDenied(api, 'machine_mismatch');
  });

  test('whose token is of the VM that had its name before', async () => {
    const { api, vm } = await createScene();
    const token = vm.accessToken();
    const evidence = { token };
    expect(await join(api, vm.recreate(), { evidence })).toBeDenied(api, 'machine_identity');
  });
});

describe("M11 denies a VM that doesn't carry the token's identity:", () => {
  test('one that was taken from it', async () => {
    const { api, subscription } = await createScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
    const vm = subscription.virtualMachine('vm-b', { ...OWN, identities: [identity] });
    const token = vm.accessToken({ identity });
    vm.unassign(identity);
    expect(await join(api, vm, { evidence: { token } })).toBeDenied(api, 'machine_identity');
  });

  test('one of a uniform scale set that carries another', async () => {
    const { api, subscription } = await createScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
    const vm = subscription.scaleSet('set-u', { ...OWN, mode: 'Uniform' }).instance();
    const evidence = { token: { identity } };
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'machine_identity');
  });

  test('one that it carries, while xms_mirid names another', async () => {
    const { api, subscription } = await createScene();
    const [carried, named] = ['uami-1', 'uami-2'].map((name) =>
      subscription.userAssignedIdentity(name, { resourceGroup: 'group1' }),
    );
    const vm = subscription.virtualMachine('vm-b', {
      resourceGroup: 'group1',
      identities: carried ? [carried] : [],
    });
    const token = { claims: { xms_mirid: named?.resourceId } };
    expect(await join(api, vm, { evidence: { token } })).toBeDenied(api, 'machine_identity');
  });
});
