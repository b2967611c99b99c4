import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Authorities } from '../../../shared/authority/authorities.ts';
import { probeSshAuthority, probeTlsAuthority } from '../../../shared/probing/worthless.ts';
import { createAuthorities, NOON } from '../authority/rotation-parts.ts';

const CLUSTER = 'test.example.org';
let authorities: Authorities;
let others: Authorities;

beforeAll(async () => {
  authorities = await createAuthorities();
  others = await createAuthorities();
});

const ecKey = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;

describe('the tls authority', () => {
  const probe = (change: Partial<Authorities> = {}) =>
    probeTlsAuthority(CLUSTER, { ...authorities, ...change }, NOON);

  test('passes as it is', async () => {
    await expect(probe()).resolves.toBeUndefined();
  });

  test('fails with a private key that is not its own', async () => {
    const issuing = { ...authorities.issuing, privateKey: ecKey() };
    await expect(probe({ issuing })).rejects.toThrow('a leaf does not verify');
  });

  test('fails where the root of its issuing certificate is not published', async () => {
    await expect(probe({ roots: others.roots })).rejects.toThrow('which is none of');
  });

  test('fails where its issuing certificate is of another root', async () => {
    const chain = [authorities.issuing.certificate, others.issuing.root];
    const issuing = { ...authorities.issuing, chain };
    await expect(probe({ issuing, roots: others.roots })).rejects.toThrow(
      'is not signed by the next',
    );
  });

  test('fails once its issuing certificate has expired', async () => {
    const later = new Date(authorities.issuing.notAfter.getTime() + 1000);
    await expect(probeTlsAuthority(CLUSTER, authorities, later)).rejects.toThrow(
      'is not valid now',
    );
  });
});

describe('an SSH authority', () => {
  test('passes as it is', () => {
    probeSshAuthority(authorities.sshUser, authorities.sshUserCas, NOON);
    probeSshAuthority(authorities.sshHost, authorities.sshHostCas, NOON);
  });

  test('fails where its key is not in the trust list', () => {
    expect(() => probeSshAuthority(authorities.sshUser, authorities.sshHostCas, NOON)).toThrow(
      'the key that signs is not in the trust list',
    );
  });

  test('fails with a private key that is not its own', () => {
    const issuer = { ...authorities.sshUser, privateKey: others.sshUser.privateKey };
    expect(() => probeSshAuthority(issuer, authorities.sshUserCas, NOON)).toThrow(
      'a certificate does not verify',
    );
  });
});
