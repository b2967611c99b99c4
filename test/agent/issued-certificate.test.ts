import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkIssued } from '../../agent/issued-certificate.ts';
import { verifyTrustBundle } from '../../agent/trust-bundle.ts';
import {
  issueSshHostCertificate,
  issueSshUserCertificate,
} from '../../shared/authority/ssh-certificate.ts';
import {
  issueHostTlsCertificate,
  randomSerialNumber,
} from '../../shared/authority/tls-certificate.ts';
import { makeTrustBundle } from '../../shared/authority/trust-bundle.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { certificationRequest } from '../../shared/encoding/certification-request-encode.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { sshBlob, sshPublicKey } from '../../shared/encoding/ssh-public-key.ts';
import { sshString, sshUint32, sshUint64 } from '../../shared/encoding/ssh-wire.ts';
import type { GrantedCertificate } from '../../shared/protocol/join.ts';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { createAuthorities } from './authorities.ts';
import { START } from './clock.ts';
import { grant } from './fake-broker.ts';

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

async function setUp() {
  const authorities = await createAuthorities(START);
  const bundle = await makeTrustBundle('test', authorities, START);
  const trust = await verifyTrustBundle(bundle, { pins: [], known: undefined, now: START });
  const key = newKey();
  const grantFor = (one: KeyObject, from = authorities) =>
    grant({ name: 'identity', csr: certificationRequest(one) }, from, ['ubuntu'], START);
  const granted = grantFor(key);
  const check = (changed: GrantedCertificate, now = START) =>
    checkIssued(changed, key, trust, { kind: 'user', now });
  return { authorities, trust, key, granted, grantFor, check };
}

test('accepts a certificate for its key under a root of the bundle', async () => {
  const { granted, check } = await setUp();
  expect(check(granted)).toMatchObject({ tls: granted.tls, ssh: granted.ssh, roles: ['access'] });
});

test('refuses a certificate for another key', async () => {
  const { granted, grantFor, check } = await setUp();
  const other = grantFor(newKey());
  expect(() => check({ ...granted, tls: other.tls })).toThrow('it is for another key');
  expect(() => check({ ...granted, ssh: other.ssh })).toThrow('its SSH form is for another key');
});

test('accepts a certificate of any SSH authority that the bundle lists: upcoming, signing or retiring', async () => {
  const { authorities, key, granted, grantFor } = await setUp();
  const other = await createAuthorities(START);
  const both = {
    ...authorities,
    sshUserCas: [...other.sshUserCas, ...authorities.sshUserCas],
  };
  const bundle = await makeTrustBundle('test', both, START);
  const trust = await verifyTrustBundle(bundle, { pins: [], known: undefined, now: START });
  const ssh = grantFor(key, other).ssh ?? '';
  for (const each of [granted.ssh ?? '', ssh])
    expect(
      checkIssued({ ...granted, ssh: each }, key, trust, { kind: 'user', now: START }).ssh,
    ).toBe(each);
});

test('refuses a certificate of another authority', async () => {
  const { key, granted, grantFor, check } = await setUp();
  const other = grantFor(key, await createAuthorities(START));
  expect(() => check({ ...granted, tls: other.tls })).toThrow(
    'do not lead to a root of its trust bundle',
  );
  expect(() => check({ ...granted, ssh: other.ssh })).toThrow(
    'signed by an authority that the trust bundle does not list',
  );
});

test('refuses a leaf without its issuing certificate, and what is no PEM', async () => {
  const { granted, check } = await setUp();
  const [leaf] = granted.tls.split(/(?<=-----END CERTIFICATE-----\n)/);
  expect(() => check({ ...granted, tls: leaf ?? '' })).toThrow('do not lead to a root');
  expect(() => check({ ...granted, tls: 'nonsense' })).toThrow('it is not PEM');
});

test('refuses more certificates than a chain has, and takes four', async () => {
  const { granted, check } = await setUp();
  const [leaf = '', issuing = ''] = granted.tls.split(/(?<=-----END CERTIFICATE-----\n)/);
  expect(() => check({ ...granted, tls: leaf + issuing.repeat(4) })).toThrow('it is not PEM');
  expect(() => check({ ...granted, tls: leaf + issuing.repeat(3) })).toThrow('do not lead');
});

test.each(['issued', 'expires'])('refuses a certificate whose "%s" is no time', async (member) => {
  const { granted, check } = await setUp();
  expect(() => check({ ...granted, [member]: 'soon' })).toThrow(
    'it does not say until when it is valid',
  );
});

test.each([
  [1, '2026-11-21T19:05:00.000Z'],
  [-1, '2026-11-19T19:05:00.000Z'],
])('says so when the clock of the machine is off by %i day', async (days, said) => {
  const { granted, check } = await setUp();
  const now = new Date(START.getTime() + days * 24 * 3600_000);
  expect(() => check(granted, now)).toThrow(`this machine's clock says ${said}: set the clock`);
});

test.each([
  ['text', 'nonsense'],
  ['a plain public key', 'ecdsa-sha2-nistp256 AAAA'],
  ['half of a certificate', 'half'],
  ['two lines', 'two'],
])('refuses %s as SSH certificate', async (_, what) => {
  const { granted, check } = await setUp();
  const line = granted.ssh ?? '';
  const ssh = what === 'half' ? line.slice(0, 400) : what === 'two' ? `${line}\n${line}` : what;
  expect(() => check({ ...granted, ssh })).toThrow('its SSH form is not one line of OpenSSH');
});

describe('refuses an SSH certificate of a host that', () => {
  const NAMES = ['web.example.com'];
  test.each([
    ['is for a user', { issue: issueSshUserCertificate, by: 'sshHost' }, 'is for a user'],
    ['the authority of users signed', { by: 'sshUser' }, 'signed by an authority'],
    ['is for other names', { principals: ['web.example.org'] }, 'for other names'],
    ['is for more names', { principals: [...NAMES, 'web.example.net'] }, 'for other names'],
  ] as const)('%s', async (_, bend, said) => {
    const {
      issue = issueSshHostCertificate,
      by = 'sshHost',
      principals = NAMES,
    } = {
      issue: undefined,
      by: undefined,
      principals: undefined,
      ...bend,
    };
    const { authorities, key, trust } = await setUp();
    const validity = { notBefore: START, notAfter: new Date(START.getTime() + 3600_000) };
    const leaf = issueHostTlsCertificate(
      {
        ...validity,
        serialNumber: randomSerialNumber(),
        names: NAMES,
        uri: 'spiffe://test/host/Node/1',
        publicKeyInfo: createPublicKey(key).export({ format: 'der', type: 'spki' }),
      },
      authorities.issuing,
    );
    const sshKey = sshPublicKey(createPublicKey(key));
    if (!sshKey) throw new Error('not a key of SSH');
    const granted = (ssh: string): GrantedCertificate => ({
      name: 'identity',
      names: NAMES,
      issued: formatTimestamp(START),
      expires: formatTimestamp(validity.notAfter),
      tls: encodePem('CERTIFICATE', leaf) + authorities.issuing.pem,
      ssh,
    });
    const certificate = {
      serial: 1n,
      key: sshKey,
      keyId: 'id',
      validAfter: START,
      validBefore: validity.notAfter,
    };
    const check = (ssh: string) =>
      checkIssued(granted(ssh), key, trust, { kind: 'host', now: START });
    const good = issueSshHostCertificate(
      { ...certificate, principals: NAMES },
      authorities.sshHost,
    );
    expect(check(good)).toMatchObject({ names: NAMES, ssh: good });
    const bad = issue({ ...certificate, principals: [...principals] }, authorities[by]);
    expect(() => check(bad)).toThrow(said);
  });
});

test('refuses a certificate with names for a bot', async () => {
  const { granted, check } = await setUp();
  expect(() => check({ ...granted, names: ['web.example.com'] })).toThrow('it is for a host');
});

test.each([
  ['is for every login', { principals: [] }, 'its SSH form names no login'],
  ['is for a host', { kind: 2 }, 'its SSH form is for a host'],
  ['is of no known kind', { kind: 3 }, 'its SSH form is not one line of OpenSSH'],
])('refuses an SSH certificate that %s', async (_, bend, said) => {
  const { authorities, key, granted, check } = await setUp();
  const { principals = ['ubuntu'], kind = 1 } = bend as { principals?: string[]; kind?: number };
  const publicKey = sshPublicKey(createPublicKey(key));
  const type = 'ecdsa-sha2-nistp256-cert-v01@openssh.com';
  const blob = Buffer.concat([
    sshString(type),
    sshString('nonce'),
    publicKey?.fields ?? Buffer.of(),
    sshUint64(1n),
    sshUint32(kind),
    sshString('key id'),
    sshString(Buffer.concat(principals.map((principal) => sshString(principal)))),
    sshUint64(0n),
    sshUint64(1n),
    sshString(''),
    sshString(''),
    sshString(''),
    sshString(sshBlob(authorities.sshUser.publicKey)),
    sshString('signature'),
  ]);
  const ssh = `${type} ${encodeBase64(blob)}`;
  expect(() => check({ ...granted, ssh })).toThrow(said);
});
