/** Conformance: whoever has proved to be a machine still can't make the broker hammer Azure (rule 7). */
import { expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';

const NO_CLAIMS = { xms_mirid: null, xms_az_rid: null };

test('M16 a machine that tries a hundred hints makes the management API work for the first one only', async () => {
  const { api, vm, subscription } = await createScene();
  await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
  api.cloud.calls.clear();
  for (let i = 0; i < 100; i += 1) {
    const resourceId = vm.resourceId.replace('vm-a', `vm-${i}`);
    const token = vm.accessToken({ claims: NO_CLAIMS });
    const attempt = await join(api, vm, { evidence: { token, resourceId } });
    expect(attempt).toBeDenied(api, 'machine_not_found');
  }
  expect(api.cloud.calls.count('management')).toBe(1);
  api.clock.advance(5);
  expect(await join(api, vm)).toBeAdmitted();
});

test('M11 the same denied join again and again asks the management API once in five seconds', async () => {
  const { api, vm, subscription } = await createScene();
  const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
  api.cloud.calls.clear();
  for (let i = 0; i < 50; i += 1) {
    expect(await join(api, vm, { evidence: { token: { identity } } })).toBeDenied(
      api,
      'machine_identity',
    );
  }
  expect(api.cloud.calls.count('management')).toBe(1);
});

test('M3 a machine that must be looked for takes the turn of others once in five minutes', async () => {
  const { api, subscription } = await createScene();
  await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
  const machine = (name: string) =>
    subscription.virtualMachine(name, { resourceGroup: 'group1', systemAssigned: true });
  const [lost, honest] = [machine('vm-lost'), machine('vm-honest')];
  const search = (vm: typeof lost) =>
    join(api, vm, { evidence: { token: vm.accessToken({ claims: NO_CLAIMS }), resourceId: null } });
  lost.remove();
  expect(await search(lost)).toBeDenied(api, 'machine_not_found');
  api.clock.advance(31);
  expect((await search(lost)).status).toBe(503);
  expect(await search(honest)).toBeAdmitted();
});
