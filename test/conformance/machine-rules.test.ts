/** Conformance: rules that name machines, scale sets, identities, locations and tags, and rules in audit (rows R12 to R21). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { UserAssignedIdentity } from '../../local/azure/identities.ts';
import type { Machine } from '../../local/azure/machine.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';

interface Place extends Scene {
  readonly machine: Machine;
  /** The identity that it acts as, and one that it carries beside. */
  readonly identity: UserAssignedIdentity;
  readonly other: UserAssignedIdentity;
}

/** `vm-a7` of `westeurope` in `group1`, tagged, which acts as a user-assigned identity. */
async function place(): Promise<Place> {
  const scene = await createScene();
  const { subscription } = scene;
  const [identity, other] = ['id-a', 'id-b'].map((name) =>
    subscription.userAssignedIdentity(name, { resourceGroup: 'ids' }),
  ) as [UserAssignedIdentity, UserAssignedIdentity];
  const machine = subscription.virtualMachine('VM-a7', {
    resourceGroup: 'group1',
    location: 'westeurope',
    identities: [identity, other],
    tags: { Env: 'prod', team: 'Web' },
  });
  return { ...scene, machine, identity, other };
}

const joinUnder = async (
  { api, subscription }: Scene,
  machine: Machine,
  rules: readonly object[],
  token: object = {},
) => {
  const allow = rules.map((rule) => ({ subscription: subscription.id, ...rule }));
  await api.put(joinToken({ allow }));
  return join(api, machine, { evidence: { token } });
};

type Rule = (at: Place) => object;

const ADMITTED: readonly [string, Rule][] = [
  ['R12 its name', () => ({ vm_names: ['vm-b', 'VM-a7'] })],
  ['R12 its name in another case', () => ({ vm_names: ['vm-A7'] })],
  ['R12 a star for the rest', () => ({ vm_names: ['vm-*'] })],
  ['R12 a star for nothing', () => ({ vm_names: ['vm-a7*'] })],
  ['R12 stars and a question mark', () => ({ vm_names: ['*-?7'] })],
  [
    'R15 the principal id of its identity',
    (at) => ({ managed_identities: [at.identity.principalId] }),
  ],
  ['R15 the client id', (at) => ({ managed_identities: [at.identity.clientId.toUpperCase()] })],
  ['R15 the resource id', (at) => ({ managed_identities: [at.identity.resourceId] })],
  [
    'R15 the resource id in another case',
    (at) => ({ managed_identities: [at.identity.resourceId.replace('id-a', 'ID-A')] }),
  ],
  ['R16 its location', () => ({ locations: ['eastus', 'WestEurope'] })],
  ['R17 a tag', () => ({ tags: { Env: 'prod' } })],
  ['R17 a tag whose name is in another case', () => ({ tags: { env: 'prod' } })],
  ['R17 one of several values', () => ({ tags: { team: ['Db', 'Web'] } })],
  ['R17 all of several tags', () => ({ tags: { env: 'prod', team: 'Web' } })],
  [
    'R18 every field at once',
    (at) => ({
      tenant: at.api.tenant.id,
      resource_groups: ['group1'],
      vm_names: ['vm-*'],
      managed_identities: [at.identity.clientId],
      locations: ['westeurope'],
      tags: { env: 'prod' },
      mode: 'enforce',
    }),
  ],
];

const DENIED: readonly [string, Rule, string][] = [
  ['R13 a name that goes on', () => ({ vm_names: ['vm-a'] }), 'machine `vm-a7` is not in [`vm-a`]'],
  ['R13 a name that begins earlier', () => ({ vm_names: ['a7'] }), 'machine `vm-a7`'],
  ['R13 a pattern that is anchored', () => ({ vm_names: ['m-*'] }), 'machine `vm-a7`'],
  [
    'R13 three question marks for two characters',
    () => ({ vm_names: ['vm-???'] }),
    'machine `vm-a7`',
  ],
  ['R13 one question mark for two', () => ({ vm_names: ['vm-?'] }), 'machine `vm-a7`'],
  ['R13 a dot, which is no expression', () => ({ vm_names: ['vm.a7'] }), 'machine `vm-a7`'],
  [
    'R14 a scale set that it is not of',
    () => ({ scale_sets: ['web'] }),
    'scale set (none) is not in [`web`]',
  ],
  [
    'R15 another identity',
    () => ({ managed_identities: ['00000000-0000-4000-8000-00000000ffff'] }),
    'managed identity `',
  ],
  [
    'R15 one that it carries and does not act as',
    (at) => ({
      managed_identities: [at.other.principalId, at.other.clientId, at.other.resourceId],
    }),
    'managed identity `',
  ],
  [
    'R16 another location',
    () => ({ locations: ['westeurope2'] }),
    'location `westeurope` is not in [`westeurope2`]',
  ],
  ['R17 another value', () => ({ tags: { env: 'dev' } }), 'tag env `prod` is not in [`dev`]'],
  [
    'R17 a value in another case',
    () => ({ tags: { team: 'web' } }),
    'tag team `Web` is not in [`web`]',
  ],
  [
    'R17 a tag that it lacks',
    () => ({ tags: { env: 'prod', tier: 'a' } }),
    'tag tier (none) is not in [`a`]',
  ],
  [
    'R18 one field of many',
    () => ({
      resource_groups: ['group1'],
      vm_names: ['vm-*'],
      locations: ['eastus'],
      tags: { env: 'prod' },
    }),
    'location `westeurope` is not in [`eastus`]',
  ],
];

describe('admits a machine by', () => {
  test.each(ADMITTED)('%s', async (_, rule) => {
    const at = await place();
    const attempt = await joinUnder(at, at.machine, [rule(at)], { identity: at.identity });
    expect(attempt).toBeAdmitted();
  });
});

describe('denies a machine by', () => {
  test.each(DENIED)('%s', async (_, rule, why) => {
    const at = await place();
    const attempt = await joinUnder(at, at.machine, [rule(at)], { identity: at.identity });
    expect(attempt).toBeDenied(at.api, 'rule_mismatch');
    expect(at.api.audit.at(-1)).toMatchObject({
      detail: expect.stringContaining(`rule 1: ${why}`),
    });
  });
});

describe('R14 a machine of a scale set', () => {
  test.each(['Uniform', 'Flexible'] as const)(
    '%s is admitted by the name of its set',
    async (mode) => {
      const scene = await createScene();
      const set = scene.subscription.scaleSet('Web', {
        mode,
        resourceGroup: 'group1',
        systemAssigned: true,
      });
      const machine = set.instance();
      expect(await joinUnder(scene, machine, [{ scale_sets: ['web'] }])).toBeAdmitted();
      expect(await joinUnder(scene, set.instance(), [{ scale_sets: ['we'] }])).toBeDenied(
        scene.api,
        'rule_mismatch',
      );
    },
  );

  test('R12 a uniform one is called by its set and number', async () => {
    const scene = await createScene();
    const set = scene.subscription.scaleSet('web', {
      mode: 'Uniform',
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    expect(await joinUnder(scene, set.instance(), [{ vm_names: ['web_*'] }])).toBeAdmitted();
  });

  test('R15 a flexible one whose identity the machine shows without ids', async () => {
    const scene = await createScene();
    const identity = scene.subscription.userAssignedIdentity('id-a', { resourceGroup: 'ids' });
    const set = scene.subscription.scaleSet('web', {
      mode: 'Flexible',
      resourceGroup: 'group1',
      identities: [identity],
      nullPrincipalIds: true,
    });
    const rules = [{ managed_identities: [identity.clientId] }];
    expect(await joinUnder(scene, set.instance(), rules)).toBeAdmitted();
  });
});

describe('R19 a rule in audit mode', () => {
  test('admits nobody, and the log says whom it would have admitted', async () => {
    const at = await place();
    const rules = [{ vm_names: ['other'] }, { vm_names: ['vm-*'], mode: 'audit' }];
    const attempt = await joinUnder(at, at.machine, rules, { identity: at.identity });
    expect(attempt).toBeDenied(at.api, 'rule_mismatch');
    expect(at.api.audit.at(-1)).toMatchObject({
      audit_rules: [2],
      detail: expect.stringContaining('rule 2: it would admit the machine, but is in audit mode'),
    });
  });

  test('is told of a machine that another rule admits', async () => {
    const at = await place();
    const rules = [{ locations: ['westeurope'], mode: 'audit' }, {}];
    const attempt = await joinUnder(at, at.machine, rules, { identity: at.identity });
    expect(attempt).toBeAdmitted();
    expect(at.api.audit.at(-1)).toMatchObject({ outcome: 'admitted', audit_rules: [1] });
  });

  test('is not told of a machine that it would deny', async () => {
    const at = await place();
    const rules = [{ locations: ['eastus'], mode: 'audit' }, {}];
    await joinUnder(at, at.machine, rules, { identity: at.identity });
    expect(at.api.audit.at(-1)).not.toHaveProperty('audit_rules');
  });
});

describe('R20 refuses to create a join token with', () => {
  const subscription = '11111111-1111-1111-1111-111111111111';
  const tenant = subscription;
  test.each<[string, object, object, string]>([
    [
      'names of machines of no subscription',
      { tenant, vm_names: ['vm'] },
      {},
      'allow[0].subscription',
    ],
    ['scale sets of no subscription', { tenant, scale_sets: ['web'] }, {}, 'allow[0].subscription'],
    ['tags in no subscription', { tenant, tags: { env: 'prod' } }, {}, 'allow[0].subscription'],
    ['a location alone', { locations: ['westeurope'] }, {}, 'allow[0]'],
    ['a pattern for every machine', { subscription, vm_names: ['*'] }, {}, 'allow[0].vm_names[0]'],
    ['another one', { subscription, vm_names: ['**?*'] }, {}, 'allow[0].vm_names[0]'],
    ['no name', { subscription, vm_names: [] }, {}, 'allow[0].vm_names'],
    [
      'a pattern of scale sets',
      { subscription, scale_sets: ['web*'] },
      {},
      'allow[0].scale_sets[0]',
    ],
    [
      'a name with the Kelvin sign',
      { subscription, vm_names: ['\u212a8s-*'] },
      {},
      'allow[0].vm_names[0]',
    ],
    [
      'a display name of a location',
      { subscription, locations: ['West Europe'] },
      {},
      'allow[0].locations[0]',
    ],
    [
      'an identity by its name',
      { subscription, managed_identities: ['id-a'] },
      {},
      'allow[0].managed_identities[0]',
    ],
    ['no tags', { subscription, tags: {} }, {}, 'allow[0].tags'],
    ['a tag of any value', { subscription, tags: { env: [] } }, {}, 'allow[0].tags.env'],
    ['another mode', { subscription, mode: 'warn' }, {}, 'allow[0].mode'],
    [
      'what claims can not say',
      { subscription, vm_names: ['vm'] },
      { vm_binding: 'claims' },
      'vm_binding',
    ],
  ])('%s', async (_, rule, azure, field) => {
    const admin = signIn(createTestBroker(), 'JoinBroker.Admin');
    const answer = await admin.request('PUT', '/v1/resources/token/example-bot', {
      body: joinToken({ allow: [rule], azure }),
      headers: { 'if-none-match': '*' },
    });
    expect(answer).toBeProblem('bad_request', `spec.azure.${field}`);
  });
});

test('R21 nobody is asked about a machine that no rule could admit by what is known of it', async () => {
  const at = await place();
  const rules = [{ resource_groups: ['group2'], vm_names: ['vm-*'] }];
  at.api.cloud.calls.clear();
  const attempt = await joinUnder(at, at.machine, rules, { identity: at.identity });
  expect(attempt).toBeDenied(at.api, 'rule_mismatch');
  expect(at.api.cloud.calls.count('management')).toBe(0);
  expect(at.api.audit.at(-1)).toMatchObject({
    detail: expect.stringMatching(/: rule 1: resource group `group1` is not in \[`group2`\]$/),
  });
});
