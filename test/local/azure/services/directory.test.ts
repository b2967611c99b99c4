import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../../../local/azure/cloud.ts';
import type { Tenant } from '../../../../local/azure/tenant.ts';
import { answered, NOW, newCloud, smallCloud } from '../fixture.ts';

const get = (cloud: Cloud, path: string) =>
  answered<JSONWebKeySet & { jwks_uri: string }>(cloud.fetch(`${cloud.profile.directory}/${path}`));

const kids = async (cloud: Cloud, tenant: Tenant) =>
  (await get(cloud, `${tenant.id}/discovery/v2.0/keys`)).body.keys.map(({ kid }) => kid);

describe('discovery', () => {
  const { cloud, tenant } = smallCloud();

  test.for([
    ['v2.0/', 'https://login.simulated.invalid/{tenant}/v2.0', '/discovery/v2.0/keys'],
    ['', 'https://sts.simulated.invalid/{tenant}/', '/discovery/keys'],
  ] as const)('of %s names issuer, keys and token endpoint', async ([folder, issuer, keys]) => {
    const path = `${tenant.id.toUpperCase()}/${folder}.well-known/openid-configuration`;
    const { body } = await get(cloud, path);
    expect(cloud.profile.issuers).toContain(issuer);
    expect(body).toMatchObject({
      issuer: issuer.replace('{tenant}', tenant.id),
      jwks_uri: `${cloud.profile.directory}/${tenant.id}${keys}`,
      token_endpoint: `${cloud.profile.directory}/${tenant.id}/oauth2/v2.0/token`,
    });
    expect((await cloud.fetch(body.jwks_uri)).status).toBe(200);
  });

  test('of an unknown tenant is refused', async () => {
    expect(await get(cloud, 'nobody/v2.0/.well-known/openid-configuration')).toMatchObject({
      status: 400,
      body: { error: 'invalid_tenant' },
    });
    expect(await get(cloud, `${tenant.id}/elsewhere`)).toMatchObject({ status: 404 });
  });
});

describe('signing keys', () => {
  test('are RSA keys with the certificate that names them', async () => {
    const { cloud, tenant } = smallCloud();
    const { body } = await get(cloud, `${tenant.id}/discovery/v2.0/keys`);
    expect(body.keys).toEqual([
      {
        kty: 'RSA',
        use: 'sig',
        kid: tenant.signingKey.kid,
        x5t: tenant.signingKey.kid,
        n: expect.any(String),
        e: 'AQAB',
        x5c: [expect.any(String)],
        issuer: 'https://login.simulated.invalid/{tenantid}/v2.0',
      },
    ]);
  });

  test('roll: the new one signs, the old one stays published unless withdrawn', async () => {
    const { cloud, tenant, systemVm } = smallCloud();
    const [first] = await kids(cloud, tenant);
    tenant.rollSigningKeys();
    const [old, second] = await kids(cloud, tenant);
    expect(old).toBe(first);
    expect(second).not.toBe(first);
    const signedWith = (token: string) =>
      JSON.parse(Buffer.from(`${token.split('.')[0]}`, 'base64url').toString('utf8')).kid;
    expect(signedWith(systemVm.accessToken())).toBe(second);
    tenant.rollSigningKeys({ withdrawOld: true });
    expect(await kids(cloud, tenant)).toEqual([signedWith(systemVm.accessToken())]);
  });

  test('differ between tenants of a cloud', async () => {
    const { cloud, tenant } = smallCloud();
    const other = cloud.tenant();
    expect(other.signingKey.jwk).not.toMatchObject({ n: tenant.signingKey.jwk['n'] });
  });
});

describe('operators', () => {
  const cloud = newCloud();
  const tenant = cloud.tenant();
  const application = tenant.application({
    clientId: '33333333-3333-3333-3333-333333333333',
    appRoles: ['JoinBroker.Admin', 'JoinBroker.Reader'],
  });
  const admin = tenant.operator({ application, roles: ['JoinBroker.Admin'] });

  const signIn = (form: Record<string, string>) =>
    answered<{ access_token: string }>(
      cloud.fetch(`${cloud.profile.directory}/${tenant.id}/oauth2/v2.0/token`, {
        method: 'POST',
        body: new URLSearchParams(form),
      }),
    );

  const FORM = {
    grant_type: 'client_credentials',
    client_id: admin.id,
    scope: `${application.clientId}/.default`,
  };

  test('sign in with client credentials', async () => {
    const { status, body } = await signIn(FORM);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3599 });
    const jwks = (await get(cloud, `${tenant.id}/discovery/v2.0/keys`)).body;
    const { payload } = await jwtVerify(body.access_token, createLocalJWKSet(jwks), {
      currentDate: NOW,
      audience: application.clientId,
      issuer: `https://login.simulated.invalid/${tenant.id}/v2.0`,
    });
    expect(payload).toMatchObject({
      azp: admin.id,
      idtyp: 'app',
      oid: admin.objectId,
      sub: admin.objectId,
      tid: tenant.id,
      ver: '2.0',
      roles: ['JoinBroker.Admin'],
    });
  });

  test.for([
    ['unsupported_grant_type', { grant_type: 'password' }],
    ['unauthorized_client', { client_id: 'somebody' }],
    ['invalid_scope', { scope: 'https://management.azure.com/.default' }],
  ] as const)('get %s otherwise', async ([error, change]) => {
    expect(await signIn({ ...FORM, ...change })).toMatchObject({ status: 400, body: { error } });
  });

  test('have tokens that can be bent, and may have no role', () => {
    const nobody = tenant.operator({ application, roles: [] });
    expect(decodeJwt(nobody.accessToken())).not.toHaveProperty('roles');
    const bent = admin.accessToken({ claims: { aud: 'other' }, issuedAt: new Date(0) });
    expect(decodeJwt(bent)).toMatchObject({ aud: 'other', iat: 0, exp: 3600 });
  });

  test('have only roles of the application', () => {
    expect(() => tenant.operator({ application, roles: ['Other'] })).toThrow(
      'The application has no app role Other: expected one of JoinBroker.Admin, JoinBroker.Reader.',
    );
  });
});
