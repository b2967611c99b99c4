import { verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../../../local/azure/cloud.ts';
import { beside } from '../../../beside.ts';
import { NOW, smallCloud } from '../fixture.ts';

async function publishedKeys(cloud: Cloud, tenant: string): Promise<JSONWebKeySet> {
  const answer = await cloud.fetch(`${cloud.profile.directory}/${tenant}/discovery/v2.0/keys`);
  return (await answer.json()) as JSONWebKeySet;
}

/** The claims, once the token passes with jose and the keys that the directory serves. */
async function verified(cloud: Cloud, tenant: string, token: string) {
  const jwks = createLocalJWKSet(await publishedKeys(cloud, tenant));
  const { payload } = await jwtVerify(token, jwks, { currentDate: NOW, algorithms: ['RS256'] });
  return payload;
}

describe('a token verifies with the keys that the directory serves', () => {
  const { cloud, tenant, subscription, identity, systemVm, userVm } = smallCloud();
  const group = `/subscriptions/${subscription.id}/resourcegroups`;
  const compute = `${group}/group1/providers/Microsoft.Compute`;

  test("and says what a machine's own identity is", async () => {
    const claims = await verified(cloud, tenant.id, systemVm.accessToken());
    const own = systemVm.identities.systemAssigned;
    expect(claims).toMatchObject({
      aud: 'https://management.azure.com/',
      iss: `https://sts.simulated.invalid/${tenant.id}/`,
      iat: NOW.getTime() / 1000,
      exp: NOW.getTime() / 1000 + 86_700,
      appid: own?.clientId,
      appidacr: '2',
      idtyp: 'app',
      oid: own?.principalId,
      sub: own?.principalId,
      tid: tenant.id,
      ver: '1.0',
      xms_mirid: `${compute}/virtualMachines/vm-system`,
    });
    expect(claims).not.toHaveProperty('xms_az_rid');
  });

  test('and names machine and identity where the identity is user-assigned', async () => {
    expect(await verified(cloud, tenant.id, userVm.accessToken())).toMatchObject({
      appid: identity.clientId,
      oid: identity.principalId,
      xms_az_rid: `${compute}/virtualMachines/vm-user`,
      xms_mirid: `${group}/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uami-1`,
    });
  });

  test('and has the form of version 2 where that is asked for', async () => {
    const token = systemVm.accessToken({ version: 2, resource: 'api://broker' });
    const claims = await verified(cloud, tenant.id, token);
    expect(claims).toMatchObject({
      aud: 'api://broker',
      iss: `https://login.simulated.invalid/${tenant.id}/v2.0`,
      azp: systemVm.identities.systemAssigned?.clientId,
      ver: '2.0',
    });
    expect(claims).not.toHaveProperty('appid');
  });

  test('and names the set for an instance of a uniform scale set', async () => {
    const own = subscription.scaleSet('set-own', {
      resourceGroup: 'group1',
      mode: 'Uniform',
      systemAssigned: true,
    });
    const set = `${compute}/virtualMachineScaleSets/set-own`;
    expect(await verified(cloud, tenant.id, own.instance().accessToken())).toMatchObject({
      xms_mirid: set,
      oid: own.identities.systemAssigned?.principalId,
    });
    own.assign(identity);
    expect(decodeJwt(own.instance().accessToken({ identity }))).toMatchObject({ xms_az_rid: set });
  });

  test('and names the virtual machine for one of a flexible set', () => {
    const set = subscription.scaleSet('set-f', {
      resourceGroup: 'group1',
      mode: 'Flexible',
      identities: [identity],
    });
    const machine = set.instance();
    expect(decodeJwt(machine.accessToken())).toMatchObject({
      xms_az_rid: `${compute}/virtualMachines/${machine.name}`,
    });
  });
});

const { here, folder: CLAIMS, names: samples } = beside('samples/claims/');

describe.skipIf(!here)('beside genuine claims', () => {
  const { systemVm, userVm } = smallCloud();

  function genuine(start: string): Record<string, unknown> {
    const name = samples.find((file) => file.startsWith(start)) ?? '';
    return JSON.parse(readFileSync(new URL(name, CLAIMS), 'utf8')).claims;
  }
  /** Features that Entra ID switches on for some tenants and resources. */
  const OPTIONAL = ['xms_cae', 'xms_tcdt', 'xms_tdbr', 'xms_ftd', 'xms_idrel', 'xms_rd'];
  const names = (claims: object) => Object.keys(claims).filter((name) => !OPTIONAL.includes(name));

  test.for([
    ['vm-system-assigned_storage-audience_2025', systemVm],
    ['vm-user-assigned_arm-audience_2024', userVm],
  ] as const)('the same claims come in the same order as in %s', ([file, machine]) => {
    expect(names(decodeJwt(machine.accessToken()))).toEqual(names(genuine(file)));
  });
});

describe('each bend changes what it names', () => {
  const { cloud, tenant, systemVm, identity } = smallCloud();
  const parts = (token: string) => {
    const [head = '', body = '', signature = ''] = token.split('.');
    return {
      message: Buffer.from(`${head}.${body}`),
      signature: Buffer.from(signature, 'base64url'),
    };
  };

  test('claims and header, which stay signed', async () => {
    const token = systemVm.accessToken({
      claims: { idtyp: 'user', scp: 'x', xms_mirid: null },
      header: { jku: 'https://elsewhere.example' },
    });
    const claims = await verified(cloud, tenant.id, token);
    expect(claims).toMatchObject({ idtyp: 'user', scp: 'x' });
    expect(claims).not.toHaveProperty('xms_mirid');
    expect(decodeProtectedHeader(token)).toMatchObject({ jku: 'https://elsewhere.example' });
    const { kid: _, ...header } = decodeProtectedHeader(systemVm.accessToken());
    expect(decodeProtectedHeader(systemVm.accessToken({ header: { kid: null } }))).toEqual(header);
  });

  test('times', () => {
    const issuedAt = new Date('2026-11-19T19:05:00Z');
    const { iat, nbf, exp } = decodeJwt(systemVm.accessToken({ issuedAt }));
    const seconds = issuedAt.getTime() / 1000;
    expect([iat, nbf, exp]).toEqual([seconds, seconds, seconds + 86_700]);
  });

  test('the identity, which need not be one of the machine', () => {
    expect(decodeJwt(systemVm.accessToken({ identity }))['oid']).toBe(identity.principalId);
  });

  test('the signer', async () => {
    const other = cloud.tenant();
    const token = systemVm.accessToken({ signedBy: other });
    expect(decodeJwt(token)['tid']).toBe(tenant.id);
    expect(decodeProtectedHeader(token).kid).toBe(other.signingKey.kid);
    await expect(verified(cloud, tenant.id, token)).rejects.toThrow('no applicable key');
    await expect(verified(cloud, other.id, token)).resolves.toMatchObject({ tid: tenant.id });
    const strangers = systemVm.accessToken({ signedBy: cloud.stranger });
    await expect(verified(cloud, tenant.id, strangers)).rejects.toThrow('no applicable key');
  });

  test('the signature', async () => {
    const token = systemVm.accessToken({ changedSignature: true });
    await expect(verified(cloud, tenant.id, token)).rejects.toThrow('signature verification');
  });

  test('the algorithm', async () => {
    const { publicKey } = tenant.signingKey;
    const none = systemVm.accessToken({ alg: 'none' });
    expect(decodeProtectedHeader(none).alg).toBe('none');
    expect(parts(none).signature).toHaveLength(0);

    const pem = publicKey.export({ format: 'pem', type: 'spki' });
    const hmac = systemVm.accessToken({ alg: 'HS256' });
    await expect(jwtVerify(hmac, Buffer.from(pem), { currentDate: NOW })).resolves.toMatchObject({
      protectedHeader: { alg: 'HS256' },
    });

    const pss = systemVm.accessToken({ alg: 'PS256' });
    await expect(jwtVerify(pss, publicKey, { currentDate: NOW })).resolves.toMatchObject({
      protectedHeader: { alg: 'PS256' },
    });

    const ecdsa = systemVm.accessToken({ alg: 'ES256' });
    expect(decodeProtectedHeader(ecdsa).alg).toBe('ES256');
    expect(parts(ecdsa).signature).toHaveLength(64);
    expect(verify('sha256', parts(ecdsa).message, publicKey, parts(ecdsa).signature)).toBe(false);
  });
});

test('a machine without an identity, or with several, says what to do', () => {
  const { subscription, identity } = smallCloud();
  const bare = subscription.virtualMachine('bare', { resourceGroup: 'group1' });
  expect(() => bare.accessToken()).toThrow('The machine bare has no identity');
  bare.assign(identity);
  bare.assign(subscription.userAssignedIdentity('uami-2', { resourceGroup: 'group1' }));
  expect(() => bare.accessToken()).toThrow('The machine bare has several identities');
});
