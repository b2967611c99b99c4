import { describe, expect, test } from 'vitest';
import type { Machine } from '../../../../local/azure/machine.ts';
import { answered, NOW, smallCloud } from '../fixture.ts';

const IMDS = 'http://169.254.169.254';
const METADATA = { Metadata: 'true' };

/** The members that tests read; which of them there are depends on the path. */
interface Answer {
  readonly access_token: string;
  readonly expires_in: string;
  readonly encoding: string;
  readonly signature: string;
  readonly compute: { readonly vmId: string };
}

const ask = (machine: Machine, path: string, headers: Record<string, string> = METADATA) =>
  answered<Answer>(machine.imds(new Request(`${IMDS}${path}`, { headers })));

const INSTANCE = '/metadata/instance/compute?api-version=2021-02-01';
const DOCUMENT = '/metadata/attested/document?api-version=2021-02-01';
const TOKEN = '/metadata/identity/oauth2/token?api-version=2018-02-01';
const RESOURCE = `${TOKEN}&resource=https://broker.example`;

describe('every path', () => {
  const { systemVm } = smallCloud();

  test.for([INSTANCE, DOCUMENT, RESOURCE])('%s wants the header Metadata', async (path) => {
    expect(await ask(systemVm, path, {})).toMatchObject({ status: 400 });
    expect(await ask(systemVm, path, { Metadata: 'false' })).toMatchObject({ status: 400 });
    expect(await ask(systemVm, path)).toMatchObject({ status: 200 });
  });

  test.for([INSTANCE, DOCUMENT, RESOURCE])('%s refuses what a proxy forwards', async (path) => {
    const headers = { ...METADATA, 'X-Forwarded-For': '10.0.0.1' };
    expect(await ask(systemVm, path, headers)).toMatchObject({ status: 400 });
  });

  test.for([
    '/metadata/instance/compute',
    '/metadata/attested/document?api-version=1999-01-01',
    '/metadata/identity/oauth2/token?resource=x',
  ])('%s names the versions that it knows', async (path) => {
    expect(await ask(systemVm, path)).toMatchObject({
      status: 400,
      body: { 'newest-versions': expect.any(Array) },
    });
  });

  test('an unknown one is not found, another method not allowed', async () => {
    expect(await ask(systemVm, '/metadata/nothing?api-version=2021-02-01')).toMatchObject({
      status: 404,
    });
    const post = new Request(`${IMDS}${INSTANCE}`, { method: 'POST', headers: METADATA });
    expect((await systemVm.imds(post)).status).toBe(405);
  });
});

describe('instance metadata', () => {
  const { subscription, userVm } = smallCloud();

  test('says which machine it is', async () => {
    expect(await ask(userVm, INSTANCE)).toMatchObject({
      body: {
        name: 'vm-user',
        vmId: userVm.vmId,
        resourceId: `/subscriptions/${subscription.id}/resourceGroups/group1/providers/Microsoft.Compute/virtualMachines/vm-user`,
        resourceGroupName: 'group1',
        subscriptionId: subscription.id,
        vmScaleSetName: '',
        location: 'eastus',
      },
    });
    const whole = await ask(userVm, '/metadata/instance?api-version=2021-02-01');
    expect(whole.body.compute.vmId).toBe(userVm.vmId);
  });

  test('of a scale-set instance names its set', async () => {
    const options = { resourceGroup: 'group1', tags: { team: 'a' } };
    const set = subscription.scaleSet('set-u', { ...options, mode: 'Uniform' });
    expect(await ask(set.instance(), INSTANCE)).toMatchObject({
      body: {
        name: 'set-u_0',
        resourceId: `${set.resourceId}/virtualMachines/0`,
        vmScaleSetName: 'set-u',
        tags: 'team:a',
        tagsList: [{ name: 'team', value: 'a' }],
      },
    });
  });
});

describe('attested documents', () => {
  const { systemVm } = smallCloud();
  const contentOf = (body: { signature: string }): string =>
    Buffer.from(body.signature, 'base64').toString('latin1');

  test('carry the nonce, which has at most 32 characters', async () => {
    const { body } = await ask(systemVm, `${DOCUMENT}&nonce=${'a'.repeat(32)}`);
    expect(body.encoding).toBe('pkcs7');
    expect(contentOf(body)).toContain(`"nonce":"${'a'.repeat(32)}"`);
    expect(await ask(systemVm, `${DOCUMENT}&nonce=${'a'.repeat(33)}`)).toMatchObject({
      status: 400,
    });
  });

  test('carry a date without one', async () => {
    expect(contentOf((await ask(systemVm, DOCUMENT)).body)).toContain('"nonce":"20261121-010500"');
  });

  test('are bent as the test says, an old nonce among others', async () => {
    systemVm.serve({ document: { nonce: 'old' } });
    expect(contentOf((await ask(systemVm, `${DOCUMENT}&nonce=new`)).body)).toContain(
      '"nonce":"old"',
    );
    systemVm.serve({});
    expect(contentOf((await ask(systemVm, `${DOCUMENT}&nonce=new`)).body)).toContain(
      '"nonce":"new"',
    );
  });
});

describe('identity tokens', () => {
  const claims = (token: string) =>
    JSON.parse(Buffer.from(`${token.split('.')[1]}`, 'base64url').toString('utf8'));

  test("are of the machine's own identity, and all members are text", async () => {
    const { systemVm } = smallCloud();
    const { status, body } = await ask(systemVm, RESOURCE);
    const seconds = NOW.getTime() / 1000;
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      client_id: systemVm.identities.systemAssigned?.clientId,
      expires_in: '86700',
      expires_on: `${seconds + 86_700}`,
      ext_expires_in: '86699',
      not_before: `${seconds}`,
      resource: 'https://broker.example',
      token_type: 'Bearer',
    });
    expect(claims(body.access_token).aud).toBe('https://broker.example');
  });

  test('are of the identity that is named, in each of the ways to name it', async () => {
    const { subscription, userVm, identity } = smallCloud();
    const other = subscription.userAssignedIdentity('uami-2', { resourceGroup: 'Identities' });
    userVm.assign(other);
    for (const choice of [
      `client_id=${other.clientId.toUpperCase()}`,
      `object_id=${other.principalId}`,
      `msi_res_id=${other.resourceId.toLowerCase()}`,
      `mi_res_id=${other.resourceId}`,
    ]) {
      const { body } = await ask(userVm, `${RESOURCE}&${choice}`);
      expect(claims(body.access_token).oid).toBe(other.principalId);
    }
    expect(identity.principalId).not.toBe(other.principalId);
    expect(await ask(userVm, RESOURCE)).toEqual({
      status: 400,
      body: {
        error: 'invalid_request',
        error_description: expect.stringContaining('Multiple user assigned identities exist'),
      },
    });
  });

  test('are refused for an identity that the machine lacks, and for none', async () => {
    const { subscription, userVm, identity } = smallCloud();
    const notFound = {
      status: 400,
      body: { error: 'invalid_request', error_description: 'Identity not found' },
    };
    const stray = subscription.userAssignedIdentity('stray', { resourceGroup: 'identities' });
    expect(await ask(userVm, `${RESOURCE}&client_id=${stray.clientId}`)).toEqual(notFound);
    userVm.unassign(identity);
    expect(await ask(userVm, RESOURCE)).toEqual(notFound);
  });

  test('want a resource', async () => {
    const { systemVm } = smallCloud();
    expect(await ask(systemVm, TOKEN)).toMatchObject({
      status: 400,
      body: { error_description: "Required query variable 'resource' is missing" },
    });
  });

  test('are kept for a day for each resource', async () => {
    let now = NOW;
    const { systemVm } = smallCloud({ now: () => now });
    const first = (await ask(systemVm, RESOURCE)).body;
    now = new Date(NOW.getTime() + 23 * 3600 * 1000);
    const later = (await ask(systemVm, RESOURCE)).body;
    expect(later.access_token).toBe(first.access_token);
    expect(later.expires_in).toBe('3900');
    const other = (await ask(systemVm, `${TOKEN}&resource=other`)).body;
    expect(claims(other.access_token).iat).toBe(now.getTime() / 1000);
    now = new Date(NOW.getTime() + 24 * 3600 * 1000);
    expect((await ask(systemVm, RESOURCE)).body.access_token).not.toBe(first.access_token);
  });

  test('are bent as the test says', async () => {
    const { systemVm } = smallCloud();
    const before = (await ask(systemVm, RESOURCE)).body.access_token;
    systemVm.serve({ token: { claims: { xms_mirid: null } } });
    expect(claims((await ask(systemVm, RESOURCE)).body.access_token)).not.toHaveProperty(
      'xms_mirid',
    );
    systemVm.serve({});
    expect((await ask(systemVm, RESOURCE)).body.access_token).toBe(before);
  });
});

describe('a machine', () => {
  const headers = METADATA;

  test('reaches IMDS and the cloud with its fetch', async () => {
    const { cloud, systemVm } = smallCloud();
    expect((await systemVm.fetch(`${IMDS}${INSTANCE}`, { headers })).status).toBe(200);
    expect((await systemVm.fetch(`${cloud.pki}/none.crt`)).status).toBe(404);
    expect(cloud.calls.all.map(({ service }) => service)).toEqual(['imds', 'pki']);
  });

  test('has faults of its own', async () => {
    const { systemVm, userVm } = smallCloud();
    systemVm.faults.set({ status: 410 }, { times: 1 });
    expect(await ask(systemVm, INSTANCE)).toMatchObject({ status: 410 });
    expect(await ask(userVm, INSTANCE)).toMatchObject({ status: 200 });
    expect(await ask(systemVm, INSTANCE)).toMatchObject({ status: 200 });
  });

  test('that is deleted has no IMDS any more', async () => {
    const { systemVm } = smallCloud();
    systemVm.remove();
    await expect(systemVm.fetch(`${IMDS}${INSTANCE}`, { headers })).rejects.toThrow('fetch failed');
  });
});
