import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { ListenOptions } from '../../../local/azure/servers.ts';
import { simulatedCloud } from '../../../shared/attestation/azure/cloud-profile.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { smallCloud } from './fixture.ts';

async function listening(options: ListenOptions = {}) {
  const small = smallCloud();
  const set = small.subscription.scaleSet('set-u', { resourceGroup: 'g', mode: 'Uniform' });
  set.instance();
  const servers = await small.cloud.listen(options);
  onTestFinished(() => servers.close());
  return { ...small, servers };
}

test('every service answers on a port of loopback', async () => {
  const { tenant, systemVm, servers } = await listening();
  const { urls, profile, brokerIdentity } = servers;
  expect(parseWith(simulatedCloud, profile).ok).toBe(true);
  expect([profile.directory, profile.management]).toEqual([urls.directory, urls.management]);

  const discovery = await fetch(
    `${urls.directory}/${tenant.id}/v2.0/.well-known/openid-configuration`,
  );
  const { jwks_uri } = (await discovery.json()) as { jwks_uri: string };
  expect(jwks_uri).toBe(`${urls.directory}/${tenant.id}/discovery/v2.0/keys`);
  expect((await fetch(jwks_uri)).status).toBe(200);

  const identity = await fetch(
    `${brokerIdentity.endpoint}?api-version=2019-08-01&resource=${urls.management}`,
    { headers: { 'x-identity-header': brokerIdentity.header } },
  );
  const { access_token } = (await identity.json()) as { access_token: string };
  const vm = await fetch(`${urls.management}${systemVm.resourceId}?api-version=2024-07-01`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  expect(await vm.json()).toMatchObject({ properties: { vmId: systemVm.vmId } });

  const issuing = await fetch(`${urls.pki}/Simulated%20TLS%20G2%20CA%20OCSP%2002.crt`);
  expect(Buffer.from(await issuing.arrayBuffer())).toEqual(
    Buffer.from(systemVm.intermediates[0] ?? []),
  );
});

test('every machine has an IMDS of its own', async () => {
  const { userVm, servers } = await listening();
  expect(Object.keys(servers.urls.machines)).toEqual(['vm-system', 'vm-user', 'set-u_0']);
  const url = `${servers.urls.machines['vm-user']}/metadata/instance/compute?api-version=2021-02-01`;
  const answer = await fetch(url, { headers: { Metadata: 'true' } });
  expect(await answer.json()).toMatchObject({ vmId: userVm.vmId });
  expect((await fetch(url)).status).toBe(400);
});

test('a form that is posted arrives', async () => {
  const { tenant, servers } = await listening();
  const application = tenant.application({ appRoles: ['JoinBroker.Reader'] });
  const reader = tenant.operator({ application, roles: ['JoinBroker.Reader'] });
  const answer = await fetch(`${servers.urls.directory}/${tenant.id}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: reader.id,
      scope: `${application.clientId}/.default`,
    }),
  });
  expect(answer.status).toBe(200);
});

test('a broken connection breaks on the wire, and a hanging one ends with the caller', async () => {
  const { cloud, servers } = await listening();
  cloud.faults.pki.set('network_error', { times: 1 });
  await expect(fetch(`${servers.urls.pki}/x.crt`)).rejects.toThrow('fetch failed');
  cloud.faults.pki.set('hang', { times: 1 });
  const caller = new AbortController();
  const answer = fetch(`${servers.urls.pki}/x.crt`, { signal: caller.signal });
  caller.abort(new Error('gave up'));
  await expect(answer).rejects.toThrow('gave up');
});

test('a preferred port is taken where it is free, and another where not', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  onTestFinished(() => void holder.close());
  const { port } = holder.address() as AddressInfo;
  const { servers } = await listening({
    ports: { directory: port, machines: { 'vm-user': port } },
  });
  expect(servers.urls.directory).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(servers.urls.directory).not.toBe(`http://127.0.0.1:${port}`);

  const { port: freed } = new URL(servers.urls.pki);
  await servers.close();
  const again = await smallCloud().cloud.listen({ ports: { pki: Number(freed) } });
  onTestFinished(() => again.close());
  expect(new URL(again.urls.pki).port).toBe(freed);
});

test('two machines of one name are told apart by their resource ids', async () => {
  const { cloud, subscription } = smallCloud();
  const twin = subscription.virtualMachine('vm-user', { resourceGroup: 'group2' });
  const servers = await cloud.listen();
  onTestFinished(() => servers.close());
  expect(Object.keys(servers.urls.machines)).toEqual(['vm-system', 'vm-user', twin.resourceId]);
});
