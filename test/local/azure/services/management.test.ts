import { ComputeManagementClient } from '@azure/arm-compute';
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../../../local/azure/cloud.ts';
import type { AccessTokenOptions } from '../../../../local/azure/evidence/access-token.ts';
import { answered, keys, NOW, newCloud, smallCloud } from '../fixture.ts';

type HttpClient = NonNullable<
  NonNullable<ConstructorParameters<typeof ComputeManagementClient>[2]>['httpClient']
>;

/** The real SDK, its transport replaced by the cloud's `fetch`. */
function sdk(cloud: Cloud, subscription: string, token: string): ComputeManagementClient {
  const httpClient: HttpClient = {
    async sendRequest(request) {
      const answer = await cloud.fetch(request.url, {
        method: request.method,
        headers: request.headers.toJSON(),
      });
      return {
        request,
        status: answer.status,
        headers: Object.assign(request.headers, {}),
        bodyAsText: await answer.text(),
      };
    },
  };
  const credential = {
    getToken: async () => ({ token, expiresOnTimestamp: NOW.getTime() + 3600_000 }),
  };
  return new ComputeManagementClient(credential, subscription, {
    endpoint: cloud.profile.management.replace('http:', 'https:'),
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('the real @azure/arm-compute reads', () => {
  const { cloud, tenant, subscription, identity, systemVm, userVm } = smallCloud({ pageSize: 2 });
  const set = subscription.scaleSet('set-u', {
    resourceGroup: 'group1',
    mode: 'Uniform',
    systemAssigned: true,
    identities: [identity],
  });
  const instances = [set.instance(), set.instance(), set.instance()];
  const client = sdk(cloud, subscription.id, systemVm.accessToken());

  test('a virtual machine with its own identity', async () => {
    expect(await client.virtualMachines.get('GROUP1', 'VM-System')).toMatchObject({
      name: 'vm-system',
      id: systemVm.resourceId,
      vmId: systemVm.vmId,
      location: 'eastus',
      identity: {
        type: 'SystemAssigned',
        principalId: systemVm.identities.systemAssigned?.principalId,
        tenantId: tenant.id,
      },
    });
  });

  test('a virtual machine with a user-assigned identity', async () => {
    const { identity: block } = await client.virtualMachines.get('group1', 'vm-user');
    const { clientId, principalId } = identity;
    expect(block).toEqual({
      type: 'UserAssigned',
      userAssignedIdentities: { [identity.resourceId]: { clientId, principalId } },
    });
    expect(userVm.resourceId).toContain('/group1/');
  });

  test('a scale set with both kinds of identity, and no instance with any', async () => {
    const found = await client.virtualMachineScaleSets.get('group1', 'set-u');
    expect(found).toMatchObject({ orchestrationMode: 'Uniform', sku: { capacity: 3 } });
    expect(found.identity).toMatchObject({
      type: 'SystemAssigned, UserAssigned',
      principalId: set.identities.systemAssigned?.principalId,
    });
    const instance = await client.virtualMachineScaleSetVMs.get('group1', 'set-u', '1');
    expect(instance).toMatchObject({
      instanceId: '1',
      name: 'set-u_1',
      vmId: instances[1]?.vmId,
      id: instances[1]?.resourceId,
    });
    expect(instance.identity).toBeUndefined();
  });

  test('lists, page by page', async () => {
    const names = async (items: AsyncIterable<{ name?: string }>) =>
      (await collect(items)).map(({ name }) => name);
    subscription.virtualMachine('vm-third', { resourceGroup: 'group2' });
    cloud.calls.clear();
    expect(await names(client.virtualMachines.listAll())).toEqual([
      'vm-system',
      'vm-user',
      'vm-third',
    ]);
    expect(cloud.calls.count('management')).toBe(2);
    expect(await names(client.virtualMachineScaleSets.listAll())).toEqual(['set-u']);
    expect(await names(client.virtualMachineScaleSetVMs.list('group1', 'set-u'))).toEqual([
      'set-u_0',
      'set-u_1',
      'set-u_2',
    ]);
  });

  test('errors', async () => {
    await expect(client.virtualMachines.get('group1', 'none')).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceNotFound',
    });
    await expect(client.virtualMachines.get('none', 'none')).rejects.toMatchObject({
      code: 'ResourceGroupNotFound',
    });
    await expect(
      client.virtualMachineScaleSetVMs.get('group1', 'set-u', '9'),
    ).rejects.toMatchObject({ statusCode: 404 });
    const elsewhere = sdk(cloud, '00000000-0000-0000-0000-000000000000', systemVm.accessToken());
    await expect(elsewhere.virtualMachines.get('group1', 'vm-system')).rejects.toMatchObject({
      code: 'SubscriptionNotFound',
    });
  });
});

interface ResourceSeen {
  readonly id: string;
  readonly identity: { readonly type: string };
  readonly properties: { readonly vmId: string };
}

/** One GET as a plain caller makes it. */
const get = (cloud: Cloud, path: string, token?: string) =>
  answered<ResourceSeen>(
    cloud.fetch(`${cloud.profile.management}${path}`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    }),
  );

const VERSION = 'api-version=2024-07-01';

describe('callers', () => {
  const { cloud, systemVm } = smallCloud();
  const path = `${systemVm.resourceId}?${VERSION}`;

  test.for([
    'https://management.azure.com/',
    'https://management.azure.com',
    cloud.profile.management,
  ])('with a token for %s are served', async (resource) => {
    expect(await get(cloud, path, systemVm.accessToken({ resource }))).toMatchObject({
      status: 200,
    });
  });

  const REFUSED: readonly (readonly [name: string, options: AccessTokenOptions, code?: string])[] =
    [
      ['of another audience', { resource: 'https://vault.azure.net' }],
      ['that has expired', { issuedAt: new Date('2026-11-18T00:00:00Z') }],
      ['of the future', { issuedAt: new Date('2026-11-21T00:00:00Z') }],
      ['with a changed signature', { changedSignature: true }],
      ['of a stranger', { signedBy: cloud.stranger }],
      ['without a signature', { alg: 'none' }, 'AuthenticationFailedInvalidHeader'],
    ];

  test.for(REFUSED)(
    'with a token %s get 401',
    async ([, options, code = 'InvalidAuthenticationToken']) => {
      expect(await get(cloud, path, systemVm.accessToken(options))).toMatchObject({
        status: 401,
        body: { error: { code } },
      });
    },
  );

  test('without a token get 401', async () => {
    expect(await get(cloud, path)).toMatchObject({
      status: 401,
      body: { error: { code: 'AuthenticationFailed' } },
    });
  });

  test('with a token of another cloud get 401', async () => {
    const other = smallCloud({ keys }).systemVm.accessToken();
    expect(await get(cloud, path, other)).toMatchObject({ status: 401 });
  });

  test('must say an api-version', async () => {
    expect(await get(cloud, systemVm.resourceId, systemVm.accessToken())).toMatchObject({
      status: 400,
      body: { error: { code: 'MissingApiVersionParameter' } },
    });
  });
});

describe('resources', () => {
  const { cloud, subscription, identity, systemVm } = smallCloud();
  const read = async (id: string) => get(cloud, `${id}?${VERSION}`, systemVm.accessToken());

  test('a user-assigned identity has client and principal id', async () => {
    expect(await read(identity.resourceId.toUpperCase())).toMatchObject({
      status: 200,
      body: {
        id: identity.resourceId,
        type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
        properties: {
          clientId: identity.clientId,
          principalId: identity.principalId,
          tenantId: subscription.tenant.id,
        },
      },
    });
  });

  test("a flexible set's machine names the set, and may hide principal ids", async () => {
    const set = subscription.scaleSet('set-f', {
      resourceGroup: 'group1',
      mode: 'Flexible',
      identities: [identity],
      nullPrincipalIds: true,
    });
    const machine = set.instance();
    expect(await read(machine.resourceId)).toMatchObject({
      body: {
        identity: {
          userAssignedIdentities: { [identity.resourceId]: { principalId: null, clientId: null } },
        },
        properties: { vmId: machine.vmId, virtualMachineScaleSet: { id: set.resourceId } },
      },
    });
    expect(await read(`${set.resourceId}/virtualMachines`)).toMatchObject({
      body: { value: [{ instanceId: machine.name, properties: { vmId: machine.vmId } }] },
    });
  });

  test("a group's name may come in upper case", async () => {
    const machine = subscription.virtualMachine('vm-upper', {
      resourceGroup: 'group1',
      upperCaseGroup: true,
    });
    const { body } = await read(machine.resourceId);
    expect(body.id).toBe(machine.resourceId.replace('/group1/', '/GROUP1/'));
    expect(machine.resourceId).toContain('/group1/');
  });

  test('a deleted machine is unknown, one made again has another vmId', async () => {
    const machine = subscription.virtualMachine('vm-again', {
      resourceGroup: 'group1',
      systemAssigned: true,
      identities: [identity],
    });
    const again = machine.recreate();
    expect([machine.removed, again.removed]).toEqual([true, false]);
    expect(again.resourceId).toBe(machine.resourceId);
    expect(again.vmId).not.toBe(machine.vmId);
    expect(again.identities.systemAssigned).not.toEqual(machine.identities.systemAssigned);
    expect(again.identities.userAssigned).toEqual([identity]);
    expect((await read(machine.resourceId)).body.properties.vmId).toBe(again.vmId);
    again.remove();
    expect(await read(machine.resourceId)).toMatchObject({ status: 404 });
  });

  test('a removed instance leaves its uniform set', async () => {
    const set = subscription.scaleSet('set-u', { resourceGroup: 'group1', mode: 'Uniform' });
    const [first, second] = [set.instance(), set.instance()];
    first.remove();
    expect(await read(first.resourceId)).toMatchObject({ status: 404 });
    expect(await read(second.resourceId)).toMatchObject({ status: 200 });
  });

  test('assigned and unassigned identities show at once', async () => {
    const machine = subscription.virtualMachine('vm-bare', { resourceGroup: 'group1' });
    expect((await read(machine.resourceId)).body).not.toHaveProperty('identity');
    machine.assign(identity);
    expect((await read(machine.resourceId)).body.identity.type).toBe('UserAssigned');
    machine.unassign(identity);
    expect((await read(machine.resourceId)).body).not.toHaveProperty('identity');
  });

  test('names in a group are unique, whatever their case', () => {
    const options = { resourceGroup: 'GROUP1' };
    expect(() => subscription.virtualMachine('VM-system', options)).toThrow('choose another name');
    expect(() =>
      subscription.virtualMachine('vm-system', { resourceGroup: 'group7' }),
    ).not.toThrow();
  });
});

test('the next page stays with TLS where a proxy speaks it', async () => {
  const cloud = newCloud({ pageSize: 1 });
  const subscription = cloud.tenant().subscription();
  const vm = subscription.virtualMachine('a', { resourceGroup: 'g', systemAssigned: true });
  subscription.virtualMachine('b', { resourceGroup: 'g' });
  const list = `${cloud.profile.management}/subscriptions/${subscription.id}/providers/Microsoft.Compute/virtualMachines?${VERSION}`;
  const headers = { authorization: `Bearer ${vm.accessToken()}` };
  const next = async (extra: Record<string, string>) => {
    const answer = await cloud.fetch(list, { headers: { ...headers, ...extra } });
    return ((await answer.json()) as { nextLink: string }).nextLink;
  };
  expect(await next({})).toMatch(/^http:/);
  expect(await next({ 'x-forwarded-proto': 'https' })).toMatch(/^https:/);
});
