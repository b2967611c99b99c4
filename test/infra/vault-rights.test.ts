/** The rights that vault.bicep gives are enough for what the broker does with the vault, and no more than it needs. */
import { expect, test } from 'vitest';
import '../broker/matchers.ts';
import { openKeyVaultCustody } from '../../shared/authority/key-vault-custody.ts';
import { createScene } from '../broker/fixtures.ts';
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
  const authority = createTestBroker({
    clock,
    custody: custodyWith(rightsOf('signer', 'wrapper')),
    settings: {
      JOIN_BROKER_PART: 'authority',
      JOIN_BROKER_PUBLIC_URL: 'https://join.example.org',
    },
  });
  await authority.ready();
  const { tables, cloud } = authority;
  const { api: requests, vm } = await createScene({
    clock,
    tables,
    cloud,
    init: 'none',
    custody: custodyWith(rightsOf('unwrapper')),
    settings: {
      JOIN_BROKER_PART: 'requests',
      JOIN_BROKER_AUTHORITY_URL: 'https://authority.example.org',
    },
  });
  return { vault, authority, requests, vm };
}

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
  const { authority, requests, vm } = await twoApps();
  expect(await join(requests, vm)).toBeAdmitted();
  for (let week = 0; week < 14; week += 1) {
    authority.clock.advance(7 * 24 * 3600);
    await authority.broker.rotateKeys({ requestId: 'none' });
    await tend(authority);
  }
  expect(await join(requests, vm)).toBeAdmitted();
  expect((await requests.request('GET', '/v1/trust/tls.crl')).status).toBe(200);
});

test('none of the rights is one that nothing needs', async () => {
  const { vault, authority, requests, vm } = await twoApps();
  await join(requests, vm);
  authority.clock.advance(24 * 3600);
  await authority.broker.rotateKeys({ requestId: 'none' });
  const used = new Set(vault.calls.map((call) => call.split('/')[1]));
  expect([...used].toSorted()).toEqual([...new Set(rightsOf('signer', 'wrapper'))].toSorted());
});
