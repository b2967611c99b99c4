import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LEAF_DAYS } from '../../../local/azure/certificates/leaf.ts';
import { ROTATION_POLICY, sshLife } from '../../../shared/authority/rotation-policy.ts';
import { METRICS, type Metric } from '../../../shared/telemetry/metrics.ts';
import { metricsMarkdown } from '../../../shared/telemetry/metrics-document.ts';
import { botExample, createScene, joinToken } from '../../broker/fixtures.ts';
import { type JoinOptions, join } from '../../broker/joiner.ts';
import { createTestBroker } from '../../broker/test-broker.ts';
import { watchTables } from '../../broker/watched-tables.ts';
import { type Measured, recorded } from './recorded.ts';

const CATALOGUE: Readonly<Record<string, Metric>> = METRICS;
const DAY = 24 * 3600;

async function measuredScene(options: Parameters<typeof createScene>[0] = {}) {
  const telemetry = recorded();
  return { telemetry, ...(await createScene({ ...options, telemetry: telemetry.around })) };
}

describe('an attempt to join is counted with its method, role, outcome, reason and caller:', () => {
  const bot = { method: 'azure', role: 'Bot' };
  const unknown = { caller: 'unknown' };
  test.each<[string, JoinOptions, Measured['dimensions']]>([
    ['an admission', {}, { ...bot, outcome: 'admitted', reason: 'none', caller: 'known' }],
    [
      'a denial',
      { evidence: { document: { changedSignature: true } } },
      { ...bot, ...unknown, outcome: 'denied', reason: 'document_signature' },
    ],
    [
      'a join token that does not exist',
      { token: 'nobody' },
      { ...bot, ...unknown, outcome: 'denied', reason: 'join_token_not_found' },
    ],
    [
      'another role',
      { request: { role: 'Node' } },
      { ...bot, ...unknown, role: 'Node', outcome: 'denied', reason: 'system_role_mismatch' },
    ],
    [
      'a request that can not be read',
      { changedRequest: () => '{}' },
      { method: 'none', role: 'none', ...unknown, outcome: 'failed', reason: 'bad_request' },
    ],
    [
      'a role that is none',
      { request: { role: 'Emperor' } },
      { method: 'none', role: 'none', ...unknown, outcome: 'failed', reason: 'bad_request' },
    ],
  ])('%s', async (_, options, dimensions) => {
    const { telemetry, api, vm } = await measuredScene();
    await join(api, vm, options);
    expect(telemetry.measured.filter(({ metric }) => metric === 'joins')).toEqual([
      { metric: 'joins', value: 1, dimensions },
    ]);
    const { method, outcome } = dimensions;
    expect(telemetry.measured.filter(({ metric }) => metric === 'join_milliseconds')).toEqual([
      { metric: 'join_milliseconds', value: expect.any(Number), dimensions: { method, outcome } },
    ]);
  });

  test('storage that is down', async () => {
    const storage = watchTables();
    const { telemetry, api, vm } = await measuredScene({ tables: storage.tables });
    storage.fail('instances', 'down');
    await join(api, vm);
    expect(telemetry.values('joins', { outcome: 'failed', reason: 'unavailable' })).toEqual([1]);
    const failed = { dependency: 'storage', result: 'failed' } as const;
    expect(telemetry.values('dependency_calls', failed)).toEqual([1]);
  });
});

test('whatever is called whatever: dimensions come from their closed lists', async () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{7,40}$/);
  const bend = fc.constantFrom<JoinOptions>(
    {},
    { evidence: { document: { changedSignature: true } } },
    { evidence: { document: { nonce: 'a'.repeat(32) } } },
    { evidence: { token: { changedSignature: true } } },
    { request: { role: 'Node' } },
    { changedRequest: (text) => `${text} ` },
    { changedRequest: () => 'garbage' },
    { request: { broker: 'another.example.org' } },
    { token: 'somebody-elses-token' },
  );
  await fc.assert(
    fc.asyncProperty(name, name, name, bend, async (bot, token, machine, options) => {
      const telemetry = recorded();
      const api = createTestBroker({ telemetry: telemetry.around });
      const subscription = api.tenant.subscription();
      const vm = subscription.virtualMachine(machine, {
        resourceGroup: `group-${machine}`,
        systemAssigned: true,
      });
      await api.put({ ...botExample(), metadata: { name: bot } });
      const allow = [{ subscription: subscription.id }];
      await api.put(joinToken({ name: token, allow, spec: { bot_name: bot } }));
      await join(api, vm, { token, ...options });
      await api.request('GET', '/readyz');

      expect(telemetry.values('joins')).toEqual([1]);
      const told = JSON.stringify(telemetry.measured);
      for (const { metric, dimensions } of telemetry.measured) expectClosed(metric, dimensions);
      const names = [bot, token, machine, vm.vmId, subscription.id, api.tenant.id];
      for (const secret of names) expect(told).not.toContain(secret);
    }),
    { numRuns: 20 },
  );
});

function expectClosed(metric: string, dimensions: Measured['dimensions']): void {
  const { dimensions: lists = {} } = CATALOGUE[metric] ?? {};
  expect(Object.keys(dimensions).toSorted()).toEqual(Object.keys(lists).toSorted());
  for (const [dimension, value] of Object.entries(dimensions)) {
    expect(lists[dimension], `${metric} ${dimension}`).toContain(value);
  }
}

test('a second join finds everything in memory but its machine and the record of the join', async () => {
  const { telemetry, api, vm } = await measuredScene();
  await join(api, vm);
  telemetry.measured.length = 0;
  await join(api, vm);
  const lookups = telemetry.measured.filter(({ metric }) => metric === 'cache_lookups');
  expect(new Set(lookups.map(({ dimensions }) => Object.values(dimensions).join(' ')))).toEqual(
    new Set([
      'certificates hit',
      'directory_keys hit',
      'keyring hit',
      'machines hit',
      'resources hit',
    ]),
  );
  // Its machine's row, the instance that it made before, and both rows of the new one.
  expect(telemetry.measured.filter(({ metric }) => metric === 'dependency_calls')).toEqual(
    Array(4).fill({
      metric: 'dependency_calls',
      value: 1,
      dimensions: { dependency: 'storage', result: 'ok' },
    }),
  );
});

test('the first join asks each dependency, and misses in each cache', async () => {
  const { telemetry, api, vm } = await measuredScene();
  // On an instance that knows nothing yet.
  await join(api.another(), vm);
  for (const cache of METRICS.cache_lookups.dimensions.cache) {
    expect(telemetry.values('cache_lookups', { cache, result: 'miss' }), cache).toContain(1);
  }
  for (const dependency of METRICS.dependency_calls.dimensions.dependency) {
    const dimensions = { dependency, result: 'ok' } as const;
    const calls = telemetry.values('dependency_calls', dimensions);
    expect(calls, dependency).toContain(1);
    expect(telemetry.values('dependency_milliseconds', dimensions)).toHaveLength(calls.length);
  }
});

test('a management API that fails is a failed call', async () => {
  const { telemetry, api, vm } = await measuredScene();
  api.cloud.faults.management.set({ status: 500 });
  await join(api, vm);
  const management = { dependency: 'management' } as const;
  expect(telemetry.values('dependency_calls', { ...management, result: 'failed' })).toEqual([1]);
  expect(telemetry.values('dependency_calls', { ...management, result: 'ok' })).toEqual([]);
});

test('what is left of each key is measured when the keys are read', async () => {
  const { telemetry, api } = await measuredScene();
  const days = () =>
    Object.fromEntries(
      METRICS.signing_key_days_left.dimensions.authority.map((authority) => [
        authority,
        telemetry.values('signing_key_days_left', { authority }).at(-1),
      ]),
    );
  await api.request('GET', '/v1/trust');
  const ssh = sshLife(ROTATION_POLICY) / DAY;
  expect(days()).toEqual({
    'tls-root': 3650,
    'tls-issuing': 14,
    'ssh-user': ssh,
    'ssh-host': ssh,
    probe: 2,
  });
  api.clock.advance(DAY);
  await api.request('GET', '/v1/trust');
  expect(days()).toEqual({
    'tls-root': 3649,
    'tls-issuing': 13,
    'ssh-user': ssh - 1,
    'ssh-host': ssh - 1,
    probe: 1,
  });
});

test('the youngest signer that was seen gives the age of the newest chain', async () => {
  const { telemetry, api, vm } = await measuredScene();
  await join(api, vm);
  api.clock.advance(DAY);
  await join(api, vm);
  const ages = telemetry.values('newest_chain_age_days');
  expect(ages).toEqual([LEAF_DAYS.before, LEAF_DAYS.before + 1]);
});

test('a signer that was not verified does not make the newest chain younger', async () => {
  const { telemetry, api, vm } = await measuredScene();
  await join(api, vm, { evidence: { chain: api.cloud.signingChain({ root: 'look_alike' }) } });
  expect(telemetry.values('newest_chain_age_days')).toEqual([]);
});

test('readiness is 1 or 0 for each check', async () => {
  const storage = watchTables();
  const { telemetry, api } = await measuredScene({ tables: storage.tables });
  const ask = async (): Promise<(number | undefined)[]> => {
    api.clock.advance(6);
    await api.request('GET', '/readyz');
    return METRICS.readiness.dimensions.check.map((check) =>
      telemetry.values('readiness', { check }).at(-1),
    );
  };
  expect(await ask()).toEqual([1, 1]);
  storage.fail('resources', 'down');
  expect(await ask()).toEqual([0, 1]);
});

test('the document has every metric, dimension and value', () => {
  const document = metricsMarkdown();
  for (const [name, { dimensions }] of Object.entries(CATALOGUE)) {
    expect(document).toContain(`\n## ${name}\n`);
    for (const [dimension, values] of Object.entries(dimensions)) {
      expect(document).toContain(
        `| \`${dimension}\` | ${values.map((v) => `\`${v}\``).join(', ')} |`,
      );
    }
  }
});
