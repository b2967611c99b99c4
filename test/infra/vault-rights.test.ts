/** The rights that vault.bicep gives are enough for what the broker does with the vault, and no more than it needs. */
import { expect, test } from 'vitest';
import '../broker/matchers.ts';
import { openKeyVaultCustody } from '../../shared/authority/key-vault-custody.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { tend } from '../broker/revoked.ts';
import { createClock, createTestBroker, NOON } from '../broker/test-broker.ts';
import { createFakeKeyVault } from '../shared/authority/fake-key-vault.ts';
import { readText } from './project-files.ts';

/** The calls that each data action allows. */
const CALLS: Readonly<Record<string, string>> = {
  read: 'get',
  'create/action': 'create',
  'sign/action': 'sign',
  'wrap/action': 'wrapkey',
  'unwrap/action': 'unwrapkey',
};

const vaultFile = readText('infra/modules/vault.bicep');

/** What a role of vault.bicep allows. */
function rightsOf(...roles: readonly string[]): string[] {
  return roles.flatMap((role) => {
    const text = new RegExp(`^resource ${role} '[^]*?^}$`, 'm').exec(vaultFile)?.[0] ?? '';
    const actions = [...text.matchAll(/'Microsoft\.KeyVault\/vaults\/keys\/(.+)'/g)];
    expect(actions.length).toBeGreaterThan(0);
    return actions.map(([, action = '']) => CALLS[action] ?? action);
  });
}

/** Who is given a role, by the name of the parameter. */
const assigned = (role: string): string | undefined =>
  new RegExp(`roleDefinitionId: ${role}\\.id, principalId: (\\w+)`).exec(vaultFile)?.[1];

const credential = {
  getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** The two apps of one broker, each with the rights of its identity. */
async function twoApps() {
  const clock = createClock(NOON);
  const vault = createFakeKeyVault(clock.now);
  vault.createEncryptionKey();
  const custodyWith = (rights: readonly string[]) =>
    openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetchWith(...rights) });
  const operators = createTestBroker({
    clock,
    custody: custodyWith(rightsOf('signer', 'wrapper')),
    settings: {
      JOIN_BROKER_PART: 'operators',
      JOIN_BROKER_PUBLIC_URL: 'https://join.example.org',
    },
  });
  await operators.ready();
  const { tables, cloud } = operators;
  const joiners = createTestBroker({
    clock,
    tables,
    cloud,
    init: 'none',
    custody: custodyWith(rightsOf('unwrapper')),
    settings: { JOIN_BROKER_PART: 'joiners' },
  });
  const subscription = operators.tenant.subscription();
  await operators.put(botExample());
  await operators.put(
    joinToken({ allow: [{ subscription: subscription.id, resource_groups: ['group1'] }] }),
  );
  const vm = subscription.virtualMachine('vm-a', { resourceGroup: 'group1', systemAssigned: true });
  return { vault, operators, joiners, vm };
}

/** A parameter of a module of main.bicep, as it is where the broker is two apps, or one. */
function parameterOf(module: string, name: string, twoApps: boolean): string {
  const text = new RegExp(`^module ${module} '[^]*?^}$`, 'm').exec(
    readText('infra/main.bicep'),
  )?.[0];
  const value = new RegExp(`^    ${name}: (.*)$`, 'm').exec(text ?? '')?.[1] ?? '';
  const either = /^twoApps \? (.*) : (.*)$/.exec(value);
  return either ? `${either[twoApps ? 1 : 2]}` : value;
}

test.each([
  ['app', 'identityId', true, 'joinersIdentity!.outputs.id'],
  ['settings', 'identityClientId', true, 'joinersIdentity!.outputs.clientId'],
  ['hostStorage', 'principalId', true, 'joinersPrincipalId'],
  ['vault', 'readerPrincipalId', true, 'joinersPrincipalId'],
  ['app', 'identityId', false, 'identity.outputs.id'],
  ['settings', 'identityClientId', false, 'identity.outputs.clientId'],
  ['vault', 'readerPrincipalId', false, "''"],
  ['operatorsApp', 'identityId', true, 'identity.outputs.id'],
  ['operatorsSettings', 'identityClientId', true, 'identity.outputs.clientId'],
  ['operatorsHostStorage', 'principalId', true, 'identity.outputs.principalId'],
  ['vault', 'principalId', true, 'identity.outputs.principalId'],
  ['storage', 'backupPrincipalId', true, 'identity.outputs.principalId'],
])('main.bicep: %s has as %s (two apps: %s) %s', (module, name, twoApps, expected) => {
  expect(parameterOf(module, name, twoApps)).toBe(expected);
});

test('the identity of the app for joiners is another one where there are two apps', () => {
  expect(readText('infra/main.bicep')).toContain(
    'var joinersPrincipalId = twoApps ? joinersIdentity!.outputs.principalId : identity.outputs.principalId',
  );
});

test('each role is given to the identity that it is for', () => {
  expect(['signer', 'wrapper', 'unwrapper'].map(assigned)).toEqual([
    'principalId',
    'principalId',
    'readerPrincipalId',
  ]);
});

test('what machines reach can not sign, wrap or make a key', () => {
  expect(rightsOf('unwrapper').toSorted()).toEqual(['get', 'unwrapkey']);
});

test('with them a machine joins, and is still served when keys rotated', async () => {
  const { operators, joiners, vm } = await twoApps();
  expect(await join(joiners, vm)).toBeAdmitted();
  for (let week = 0; week < 14; week += 1) {
    operators.clock.advance(7 * 24 * 3600);
    await operators.broker.rotateKeys({ requestId: 'none' });
    await tend(operators);
  }
  expect(await join(joiners, vm)).toBeAdmitted();
  expect((await joiners.request('GET', '/v1/trust/tls.crl')).status).toBe(200);
});

test('none of the rights is one that nothing needs', async () => {
  const { vault, operators, joiners, vm } = await twoApps();
  await join(joiners, vm);
  operators.clock.advance(24 * 3600);
  await operators.broker.rotateKeys({ requestId: 'none' });
  const used = new Set(vault.calls.map((call) => call.split('/')[1]));
  expect([...used].toSorted()).toEqual([...new Set(rightsOf('signer', 'wrapper'))].toSorted());
});
