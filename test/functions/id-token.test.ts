import { expect, test } from 'vitest';
import { createScene } from '../broker/fixtures.ts';

test("an ID token of the operators' application is no access token", async () => {
  const { api } = await createScene();
  const application = api.tenant.application({ appRoles: ['JoinBroker.Admin'] });
  const operator = api.tenant.operator({ application, roles: ['JoinBroker.Admin'] });
  const ask = async (claims: Readonly<Record<string, unknown>>) => {
    const aud = '00000000-0000-4000-8000-0000000000aa';
    const token = operator.accessToken({ claims: { aud, ...claims } });
    return api.request('GET', '/v1/resources/bot', {
      headers: { authorization: `Bearer ${token}` },
    });
  };
  expect((await ask({})).status).toBe(200);
  const shapes = [
    { azp: null, appid: null },
    { azp: null, appid: null, nonce: '1', at_hash: 'x' },
    { nonce: '1' },
    { at_hash: 'x' },
  ];
  for (const claims of shapes) {
    expect(await ask(claims)).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated', detail: 'expected an access token, not an ID token' },
    });
  }
});
