/** What a token says of the machine beside whose it is. That it is verified is shown by conformance rows T1 to T7. */
import { describe, expect, test } from 'vitest';
import {
  readMachineClaims,
  verifyMachineToken,
} from '../../../../shared/attestation/azure/access-token.ts';
import { readToken } from '../../../../shared/attestation/azure/directory-token.ts';
import { CHECKS, claimsOf, OID, TENANT, tokenOf } from './directory-tokens.ts';

const read = (claims: unknown) =>
  readMachineClaims({ header: {}, claims, signed: '', signature: new Uint8Array() });

test('the names of machine and identity, and the directory id of the token', () => {
  expect(read({ xms_az_rid: '/vm', xms_mirid: '/identity', uti: 'Ab-_9' })).toEqual({
    machineClaim: '/vm',
    identityClaim: '/identity',
    tokenId: 'Ab-_9',
  });
  expect(read({ idtyp: 'app', appidacr: '2', azpacr: '2' })).toEqual({
    machineClaim: undefined,
    identityClaim: undefined,
    tokenId: undefined,
  });
});

describe('a token that the directory signed', () => {
  const verify = (more: object) =>
    verifyMachineToken(readToken(tokenOf(JSON.stringify(claimsOf(more)))), CHECKS);

  test('says whose it is, and of which machine', async () => {
    expect(await verify({ xms_mirid: '/vm', uti: 'id' })).toEqual({
      tenant: TENANT,
      oid: OID,
      machineClaim: undefined,
      identityClaim: '/vm',
      tokenId: 'id',
    });
  });

  test('is of no machine where it is of a user', async () => {
    await expect(verify({ idtyp: 'user' })).rejects.toMatchObject({
      reason: 'access_token_not_machine',
    });
  });
});

test.each([null, 7, '', 'x y', 'x\n', 'x'.repeat(65)])('a uti that is %j is not told', (uti) => {
  expect(read({ uti }).tokenId).toBeUndefined();
});

describe('is of no managed identity:', () => {
  test.each<[string, object]>([
    ['a token of a user', { idtyp: 'user' }],
    ['one for which a secret was shown', { appidacr: '1' }],
    ['one for which none was shown', { azpacr: '0' }],
    ['one with scopes', { scp: 'user_impersonation' }],
    ['one with no scopes, which says so', { scp: '' }],
    ['one whose machine is no text', { xms_az_rid: ['/vm'] }],
    ['one with a machine of 1,025 characters', { xms_az_rid: 'x'.repeat(1025) }],
    ['one whose identity is no text', { xms_mirid: {} }],
    ['one with an identity of 1,025 characters', { xms_mirid: 'x'.repeat(1025) }],
  ])('%s', (_, claims) => {
    expect(() => read(claims)).toThrow(
      expect.objectContaining({ code: 'access_denied', reason: 'access_token_not_machine' }),
    );
  });
});
