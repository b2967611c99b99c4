import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { answered, NOW, smallCloud } from '../fixture.ts';

const { cloud, tenant, systemVm } = smallCloud();
const { endpoint, header } = cloud.brokerIdentity;

const ask = (query: string, headers: Record<string, string> = { 'x-identity-header': header }) =>
  answered<{ access_token: string; client_id: string }>(
    cloud.fetch(`${endpoint}?${query}`, { headers }),
  );

const RESOURCE = 'resource=https://management.azure.com';
const VERSION = 'api-version=2019-08-01';

test('gives a token of the first tenant, with which the management API can be read', async () => {
  const { status, body } = await ask(`${VERSION}&${RESOURCE}`);
  expect(status).toBe(200);
  expect(body).toEqual({
    access_token: expect.any(String),
    expires_on: `${NOW.getTime() / 1000 + 86_700}`,
    resource: 'https://management.azure.com',
    token_type: 'Bearer',
    client_id: expect.any(String),
  });
  expect(decodeJwt(body.access_token)).toMatchObject({ tid: tenant.id, appid: body.client_id });
  const url = `${cloud.profile.management}${systemVm.resourceId}?api-version=2024-07-01`;
  const authorization = `Bearer ${body.access_token}`;
  expect((await cloud.fetch(url, { headers: { authorization } })).status).toBe(200);
});

test.for([
  ['a wrong header', `${VERSION}&${RESOURCE}`, { 'x-identity-header': 'guess' }, 401],
  ['no header', `${VERSION}&${RESOURCE}`, {}, 401],
  ['no version', RESOURCE, { 'x-identity-header': header }, 400],
  ['no resource', VERSION, { 'x-identity-header': header }, 400],
  [
    'another identity',
    `${VERSION}&${RESOURCE}&client_id=other`,
    { 'x-identity-header': header },
    400,
  ],
] as const)('refuses %s', async ([, query, headers, status]) => {
  expect(await ask(query, headers)).toMatchObject({ status, body: { statusCode: status } });
});
