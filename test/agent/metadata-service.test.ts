import { mkdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { describeMachine } from '../../agent/azure-machine.ts';
import { temporaryFolder } from './folder.ts';
import { createRig, guideConfig } from './rig.ts';

const oneshot = async (rig: Awaited<ReturnType<typeof createRig>>, more = '') => {
  const code = await rig.start(guideConfig(more), '--oneshot');
  return { code, said: rig.output.at(-1) ?? '' };
};

test.each([404, 410, 429, 500, 503])('asks again after status %i', async (status) => {
  const rig = await createRig();
  rig.vm.faults.set({ status, retryAfterSeconds: 2 }, { times: 3 });
  expect((await oneshot(rig)).code).toBe(0);
  expect(rig.clock.sleeps).toEqual([2000, 2000, 2000]);
});

test('asks no more than 70 s long while the service is being updated', async () => {
  const rig = await createRig();
  rig.vm.faults.set({ status: 410, retryAfterSeconds: 20 });
  expect((await oneshot(rig)).code).toBe(1);
  // For the VM's resource id, which a join can do without, then for the token.
  expect(rig.clock.sleeps).toEqual([20_000, 20_000, 20_000, 20_000, 20_000, 20_000]);
});

test('an answer that Azure would not give leads to the question what this machine is', async () => {
  const rig = await createRig();
  rig.vm.faults.set({ status: 403 });
  expect((await oneshot(rig)).said).toMatch(/did not give an access token: status 403, .*Azure VM/);
});

test.each([400, 403, 405])('does not ask again after status %i', async (status) => {
  const rig = await createRig();
  rig.vm.faults.set({ status });
  expect((await oneshot(rig)).code).toBe(1);
  expect(rig.clock.sleeps).toEqual([]);
});

test('joins without the resource id when the service does not give it', async () => {
  const rig = await createRig();
  rig.vm.faults.set({ status: 400 }, { times: 1 });
  expect((await oneshot(rig)).code).toBe(0);
  expect(rig.broker.joins[0]?.body.azure?.resource_id).toBeUndefined();
});

test('says that the service can not be reached, and what this machine looks like', async () => {
  const rig = await createRig();
  rig.vm.remove();
  const { code, said } = await oneshot(rig);
  expect(code).toBe(1);
  expect(said).toContain(
    "Azure's metadata service at http://169.254.169.254 can't be reached: the connection was refused. ",
  );
  expect(said).toContain('Azure VM');
  expect(rig.broker.calls.map(({ path }) => path)).toEqual(['/v1/trust']);
});

test('asks again for a document when an older one comes from the cache', async () => {
  const rig = await createRig();
  rig.vm.serve({ document: { nonce: '0'.repeat(32) } });
  rig.clock.onSleep = () => {
    if (rig.clock.sleeps.length === 2) rig.vm.serve({});
  };
  expect((await oneshot(rig)).code).toBe(0);
  expect(rig.clock.sleeps).toEqual([1000, 2000]);
});

test('gives up when only older documents come', async () => {
  const rig = await createRig();
  rig.vm.serve({ document: { nonce: '0'.repeat(32) } });
  expect((await oneshot(rig)).said).toContain(
    'answered 5 times with an attested document for another nonce',
  );
});

test('a document in another form is refused, not passed on', async () => {
  const rig = await createRig();
  rig.vm.faults.set('broken_json');
  expect((await oneshot(rig)).said).toContain('not of the form that Azure documents');
  expect(rig.broker.joins).toEqual([]);
});

test('says which identity is missing and what to do', async () => {
  const rig = await createRig();
  const { said } = await oneshot(
    rig,
    '  azure: {client_id: 22222222-2222-2222-2222-222222222222}\n',
  );
  expect(said).toContain(
    'this VM has no managed identity with the client id 22222222-2222-2222-2222-222222222222: assign it to the VM',
  );
});

test.each([
  [{}, '--oneshot'],
  [{ clientId: true }, '--oneshot'],
  [{}, '-d'],
])(
  'waits about a minute for an identity that was assigned just now (%j, %s)',
  async (named, flag) => {
    const rig = await createRig({ vm: { systemAssigned: false } });
    const identity = rig.vm.subscription.userAssignedIdentity('a', { resourceGroup: 'ids' });
    rig.clock.onSleep = () => {
      if (rig.clock.sleeps.length === 4) rig.vm.assign(identity);
      if (rig.clock.sleeps.length === 5) rig.stop.abort();
    };
    const azure = 'clientId' in named ? `  azure: {client_id: ${identity.clientId}}\n` : '';
    expect(await rig.start(guideConfig(azure), flag)).toBe(0);
    expect(rig.clock.sleeps.slice(0, 4)).toEqual([5000, 10_000, 15_000, 30_000]);
    expect(rig.broker.joins).toHaveLength(1);
    expect(rig.output.join('')).toContain(
      "WARN  the metadata service doesn't know the managed identity (yet); asking again in 30 s",
    );
  },
);

test('says what to do on a VM without an identity', async () => {
  const rig = await createRig({ vm: { systemAssigned: false } });
  expect((await oneshot(rig)).said).toContain(
    'this VM has no system-assigned identity: switch it on',
  );
});

test('says what to do on a VM with several identities', async () => {
  const rig = await createRig({ vm: { systemAssigned: false } });
  for (const name of ['a', 'b']) {
    rig.vm.assign(rig.vm.subscription.userAssignedIdentity(name, { resourceGroup: 'ids' }));
  }
  expect((await oneshot(rig)).said).toContain(
    'this VM has several user-assigned identities: name the one to join with in onboarding.azure.client_id',
  );
});

test.each([
  [
    '7783-7084-3265-9085-8269-3286-77',
    'Microsoft Corporation',
    'This machine looks like an Azure VM',
  ],
  ['', 'Microsoft Corporation', 'This machine looks like an Azure VM'],
  ['', 'QEMU', "This machine doesn't look like an Azure VM (its vendor is QEMU)"],
])('asset tag %j and vendor %j', async (tag, vendor, said) => {
  const folder = await temporaryFolder();
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/chassis_asset_tag`, `${tag}\n`);
  await writeFile(`${folder}/sys_vendor`, `${vendor}\n`);
  expect(await describeMachine(folder)).toContain(said);
});

test('a machine without firmware to ask', async () => {
  expect(await describeMachine('/nowhere')).toContain('Nothing here says that this is an Azure VM');
});
