import { describe, expect, it } from 'vitest';
import { readClaims } from '../../../admin/sign-in/claims.ts';

const jwt = (claims: unknown): string =>
  ['{}', JSON.stringify(claims), 's']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

describe('readClaims', () => {
  it.each([
    [{ preferred_username: 'ada@example.com', oid: 'o' }, 'ada@example.com'],
    [{ upn: 'ada@example.com', azp: 'a' }, 'ada@example.com'],
    [{ idtyp: 'app', azp: 'a', oid: 'o' }, 'application a'],
    [{ appid: 'a' }, 'application a'],
    [{ oid: 'o' }, 'o'],
    [{}, 'unknown'],
    [{ preferred_username: 'a\u001b[31mb' }, 'a\u{fffd}[31mb'],
  ])('names the account of %j', (claims, account) => {
    expect(readClaims(jwt({ aud: 'x', ...claims }))).toEqual({ audience: 'x', roles: [], account });
  });

  it.each([
    '',
    'opaque',
    'a.b!.c',
    jwt([]),
    jwt({ aud: ['x'] }),
    jwt({ aud: 'x', roles: 'Admin' }),
  ])('refuses what is no such token: %s', (token) => {
    expect(readClaims(token)).toBeUndefined();
  });
});
