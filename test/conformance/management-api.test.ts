/** Conformance: the management API fails, and is left alone (rows M14 and M17). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { Fault } from '../../local/azure/services/faults.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { join, newKey } from '../broker/joiner.ts';

const NO_CLAIMS = { claims: { xms_mirid: null } };

/** Longer than anything that a failure leaves behind: a "no such machine", or the pause between two lists. */
const PAUSE_SECONDS = 30;

describe('M14 answers 503, and admits at the next try, where the management API', () => {
  const faults: readonly (readonly [name: string, fault: Fault, retryAfter: string])[] = [
    ['refuses the broker (403)', { status: 403 }, '30'],
    ['throttles (429)', { status: 429 }, '30'],
    ['throttles (429) for a minute', { status: 429, retryAfterSeconds: 60 }, '60'],
    ['fails (500)', { status: 500 }, '5'],
    ['is overloaded (503) for a minute', { status: 503, retryAfterSeconds: 60 }, '60'],
    ['answers half of its JSON', 'broken_json', '5'],
    ['breaks the connection', 'network_error', '5'],
    ['never answers', 'hang', '5'],
  ];

  test.each(faults)('%s', async (_, fault, retryAfter) => {
    const { api, vm } = await createScene({ managementTimeoutMs: 50 });
    api.cloud.faults.management.set(fault);
    const attempt = await join(api, vm);
    expect(attempt).toBeProblem('unavailable');
    expect(attempt.headers.get('retry-after')).toBe(retryAfter);
    expect(api.audit.at(-1)).toMatchObject({ event: 'join', outcome: 'failed', vm_id: vm.vmId });

    api.cloud.faults.management.clear();
    api.clock.advance(Number(retryAfter));
    expect(await join(api, vm)).toBeAdmitted();
  });

  test.each(faults)('%s: it is left alone for as long as that', async (_, fault, retryAfter) => {
    const { api, vm } = await createScene({ managementTimeoutMs: 50 });
    api.cloud.faults.management.set(fault);
    await join(api, vm);
    api.cloud.calls.clear();
    api.clock.advance(Number(retryAfter) - 1);
    for (let i = 0; i < 20; i += 1) expect(await join(api, vm)).toBeProblem('unavailable');
    expect(api.cloud.calls.count('management')).toBe(0);
    // Then one of all that ask goes through, and fails for them all.
    api.clock.advance(1);
    await Promise.all(Array.from({ length: 20 }, () => join(api, vm)));
    expect(api.cloud.calls.count('management')).toBe(1);
  });

  test.each([
    ['refuses the broker its list (403)', { status: 403, retryAfterSeconds: PAUSE_SECONDS }],
    ['throttles its list (429)', { status: 429, retryAfterSeconds: 60 }],
  ])('%s', async (_, fault) => {
    const { api, vm } = await createScene();
    const evidence = { resourceId: null, token: NO_CLAIMS };
    api.cloud.faults.management.set(fault);
    expect(await join(api, vm, { evidence })).toBeProblem('unavailable');
    api.cloud.faults.management.clear();
    api.clock.advance(fault.retryAfterSeconds);
    expect(await join(api, vm, { evidence })).toBeAdmitted();
  });

  test('does not tell the principal id of a user-assigned identity', async () => {
    const { api, subscription } = await createScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
    const vm = subscription
      .scaleSet('set-f', {
        resourceGroup: 'group1',
        mode: 'Flexible',
        identities: [identity],
        nullPrincipalIds: true,
      })
      .instance();
    const fetch: typeof api.cloud.fetch = (input, init) =>
      /userassignedidentities/i.test(String(input)) && failing
        ? Promise.resolve(new Response('{}', { status: 429 }))
        : api.cloud.fetch(input, init);
    let failing = true;
    const { cloud, clock, tables, custody } = api;
    const other = (await createScene({ cloud: { ...cloud, fetch }, clock, tables, custody })).api;
    const allow = { subscription: subscription.id };
    await other.put({
      kind: 'token',
      version: 'v2',
      metadata: { name: 'example-bot' },
      spec: {
        roles: ['Bot'],
        bot_name: 'example',
        join_method: 'azure',
        azure: { allow: [allow] },
      },
    });
    expect(await join(other, vm)).toBeProblem('unavailable');
    failing = false;
    other.clock.advance(5);
    expect(await join(other, vm)).toBeAdmitted();
  });

  test("can not be asked, because the broker's own identity has no token", async () => {
    const { api, vm } = await createScene();
    api.cloud.faults.brokerIdentity.set({ status: 500 });
    expect(await join(api, vm)).toBeProblem('unavailable');
    api.cloud.faults.brokerIdentity.clear();
    api.clock.advance(5);
    expect(await join(api, vm)).toBeAdmitted();
  });
});

test('M14 denies where the management API answers 404, and admits five seconds later', async () => {
  const { api, vm } = await createScene();
  api.cloud.faults.management.set({ status: 404 });
  expect(await join(api, vm)).toBeDenied(api, 'machine_not_found');
  api.cloud.faults.management.clear();
  api.cloud.calls.clear();
  expect(await join(api, vm)).toBeDenied(api, 'machine_not_found');
  expect(api.cloud.calls.to('management')).toEqual([]);
  api.clock.advance(5);
  expect(await join(api, vm)).toBeAdmitted();
});

describe('M14 what fails keeps nobody out but', () => {
  const own = { resourceGroup: 'group1', systemAssigned: true } as const;

  test('its own subscription', async () => {
    const { api, vm } = await createScene();
    const neighbour = api.tenant.subscription();
    const other = neighbour.virtualMachine('vm-b', own);
    await api.put(joinToken({ allow: [{ tenant: api.tenant.id }] }));
    api.cloud.faults.management.set({ status: 429, retryAfterSeconds: 60 }, { times: 1 });
    expect(await join(api, vm)).toBeProblem('unavailable');
    expect(await join(api, other)).toBeAdmitted();
    const attempt = await join(api, vm);
    expect(attempt).toBeProblem('unavailable');
    expect(attempt.headers.get('retry-after')).toBe('60');
  });

  test('the machine that hints at what the broker may not read', async () => {
    const { api, vm, subscription } = await createScene();
    await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
    const other = subscription.virtualMachine('vm-b', own);
    api.cloud.faults.management.set({ status: 403 }, { times: 1 });
    const token = { claims: { xms_mirid: null } };
    for (let i = 0; i < 20; i += 1) {
      const resourceId = vm.resourceId.replace('group1', `group${i}`);
      const attempt = await join(api, vm, { evidence: { resourceId, token } });
      expect(attempt).toBeProblem('unavailable');
    }
    expect(api.cloud.calls.count('management')).toBe(1);
    expect(await join(api, other)).toBeAdmitted();
    api.clock.advance(30);
    expect(await join(api, vm)).toBeAdmitted();
  });
});

test('M14 a list that is never answered keeps no machine out that can be read', async () => {
  const { api, vm, subscription } = await createScene({ managementTimeoutMs: 50 });
  const own = { resourceGroup: 'group1', systemAssigned: true } as const;
  const other = subscription.virtualMachine('vm-b', own);
  const evidence = { resourceId: null, token: NO_CLAIMS };
  api.cloud.faults.management.set('hang', { times: 1 });
  expect(await join(api, vm, { evidence })).toBeProblem('unavailable');
  expect(await join(api, other)).toBeAdmitted();
  api.clock.advance(PAUSE_SECONDS);
  expect(await join(api, vm, { evidence })).toBeAdmitted();
});

test('M14 a list that was never asked for takes no turn', async () => {
  const { api, vm } = await createScene();
  api.cloud.faults.management.set({ status: 500 }, { times: 1 });
  expect(await join(api, vm)).toBeProblem('unavailable');
  const evidence = { resourceId: null, token: NO_CLAIMS };
  expect(await join(api, vm, { evidence })).toBeProblem('unavailable');
  api.clock.advance(5);
  expect(await join(api, vm, { evidence })).toBeAdmitted();
});

test('M14 nothing is written while the management API fails', async () => {
  const { api, vm } = await createScene();
  api.cloud.faults.management.set({ status: 500 });
  await join(api, vm);
  expect(await api.tables.instances.list({})).toEqual([]);
});

test('M14 a machine that joins eight times at once is read once', async () => {
  const { api, vm } = await createScene();
  // Answers only after every join has had the time to ask.
  api.cloud.faults.management.set({ heldUntil: eventLoopTurns(200) });
  const attempts = await Promise.all(Array.from({ length: 8 }, () => join(api, vm)));
  for (const attempt of attempts) expect(attempt).toBeAdmitted();
  expect(api.cloud.calls.count('management')).toBe(1);
});

async function eventLoopTurns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
}

test('M14 a subscription is listed at most once in 30 seconds', async () => {
  const { api, vm, subscription } = await createScene();
  const other = subscription.virtualMachine('vm-b', {
    resourceGroup: 'group1',
    systemAssigned: true,
  });
  const evidence = { resourceId: null, token: NO_CLAIMS };
  expect(await join(api, vm, { evidence })).toBeAdmitted();
  api.clock.advance(PAUSE_SECONDS - 1);
  const attempt = await join(api, other, { evidence });
  expect(attempt).toBeProblem('unavailable');
  expect(attempt.headers.get('retry-after')).toBe('30');
  expect(api.cloud.calls.count('management')).toBe(1);
  api.clock.advance(1);
  expect(await join(api, other, { evidence })).toBeAdmitted();
});

test('M17 calls nobody for a VM of a tenant that its rule does not name', async () => {
  const { api, vm, subscription } = await createScene({
    settings: { JOIN_BROKER_AUDITED_STRANGERS: '0' },
  });
  const allow = [
    { subscription: subscription.id, tenant: api.cloud.tenant().id },
    { subscription: api.tenant.subscription().id, tenant: api.tenant.id },
  ];
  await api.put(joinToken({ allow }));
  api.cloud.calls.clear();
  expect(await join(api, vm)).toBeDenied(api, 'rule_mismatch');
  expect(api.cloud.calls.count('management')).toBe(0);
});

// A thousand joins: a busy machine takes longer for them than other tests may.
const LONG = { timeout: 120_000 };

test('M17 calls nobody for 1,000 joins of VMs that no rule could match', LONG, async () => {
  // One machine may not fail that often; here it is not the limit that keeps the calls away.
  const settings = {
    JOIN_BROKER_FAILED_JOINS_PER_MACHINE: '0',
    JOIN_BROKER_AUDITED_STRANGERS: '0',
  };
  const { api, subscription } = await createScene({ settings });
  const cold = api.another();
  const own = { systemAssigned: true };
  const elsewhere = api.tenant
    .subscription()
    .virtualMachine('vm-b', { ...own, resourceGroup: 'group1' });
  const otherGroup = subscription.virtualMachine('vm-c', { ...own, resourceGroup: 'group2' });
  const key = newKey();
  api.cloud.calls.clear();

  const elsewhereToken = elsewhere.accessToken();
  for (let i = 0; i < 400; i += 1) {
    const attempt = await join(cold, elsewhere, { key, evidence: { token: elsewhereToken } });
    expect(attempt).toBeDenied(cold, 'rule_mismatch');
  }
  expect(api.cloud.calls.all).toEqual([]);

  const ways = [
    { token: otherGroup.accessToken() },
    { token: otherGroup.accessToken(), resourceId: null },
    { token: otherGroup.accessToken(NO_CLAIMS) },
  ];
  for (let i = 0; i < 200; i += 1) {
    for (const evidence of ways) {
      const attempt = await join(cold, otherGroup, { key, evidence });
      expect(attempt).toBeDenied(cold, 'rule_mismatch');
    }
  }
  // Nor is the directory: what these machines say of themselves is enough to deny them.
  expect(api.cloud.calls.all).toEqual([]);
});
