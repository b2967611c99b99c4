import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { decodePem } from '../../../shared/encoding/pem.ts';
import { parsePublicKeyInfo } from '../../../shared/encoding/public-key-info.ts';

import { issueCertificates } from '../../../shared/joining/issue.ts';
import type { Grant, UserGrant } from '../../../shared/joining/owners/owner.ts';
import { hasProgram } from '../../programs.ts';
import { createAuthorities, later, NOON } from '../authority/rotation-parts.ts';
import { textOf } from '../run-program.ts';

const authorities = await createAuthorities();
const noon = NOON.getTime() / 1000;
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const tlsKey = parsePublicKeyInfo(publicKey.export({ type: 'spki', format: 'der' }));
const sshKey = parsePublicKeyInfo(
  generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }),
);
const record = {
  name: 'identity',
  serial: '4102030405060708090a0b0c0d0e0f10',
  issued: noon,
  expires: noon + 3600,
};
const subject = {
  cluster: 'test.example.org',
  instanceId: '0a1b2c3d-1111-4111-8111-111111111111',
};
const issueAs = (grant: Grant) =>
  issueCertificates(
    { wish: { name: 'identity', csr: '' }, tlsKey, sshKey, provesPossession: () => true },
    grant,
    record,
    subject,
    authorities,
  );
const issue = (grant: Partial<UserGrant> = {}) =>
  issueAs({
    type: 'user',
    bot: 'example',
    roles: ['access'],
    logins: ['root', 'deploy'],
    permissions: { extensions: [], sourceAddresses: undefined },
    expires: later(3600),
    ...grant,
  });
const issueHost = () =>
  issueAs({
    type: 'host',
    role: 'Node',
    names: ['web.example.org', 'web'],
    expires: later(3600),
  });
const chainOf = (pem: string): Uint8Array[] => decodePem('CERTIFICATE', pem) ?? [];

test('with more logins than OpenSSH reads there is no SSH certificate, and a word why', () => {
  const logins = Array.from({ length: 257 }, (_, i) => `login${i}`);
  const { roles, ssh, ssh_absent } = issue({ logins });
  expect(roles).toEqual(['access']);
  expect(ssh).toBeUndefined();
  expect(ssh_absent).toBe(
    'the roles have 257 logins, and OpenSSH reads no certificate with more than 256: ask for fewer roles',
  );
  expect(issue({ logins: logins.slice(1) }).ssh).toBeDefined();
});

test('the answer says what was granted', () => {
  expect(issue()).toMatchObject({
    name: 'identity',
    roles: ['access'],
    issued: '2026-11-20T12:00:00Z',
    expires: '2026-11-20T13:00:00Z',
  });
});

test('the chain is the leaf and its issuing certificate, not the root', () => {
  const [leaf, issuing, ...rest] = chainOf(issue().tls);
  expect(rest).toEqual([]);
  expect(Buffer.from(issuing ?? [])).toEqual(Buffer.from(authorities.issuing.certificate));
  const issuer = new X509Certificate(authorities.issuing.certificate);
  expect(new X509Certificate(leaf ?? '').verify(issuer.publicKey)).toBe(true);
});

test('the leaf is back-dated by a minute, and says which instance of which bot it is', () => {
  const leaf = parseCertificate(chainOf(issue().tls)[0] ?? Buffer.of());
  expect(leaf.notBefore).toEqual(later(-60));
  expect(leaf.notAfter).toEqual(later(3600));
  expect(Buffer.from(leaf.serialNumber).toString('hex')).toBe(record.serial);
  expect(leaf.extensions.uris).toEqual([
    `spiffe://test.example.org/bot/example/${subject.instanceId}`,
  ]);
  expect(Buffer.from(leaf.publicKeyInfo)).toEqual(Buffer.from(tlsKey.der));
});

test("a host's leaf has its names and no subject, and says which instance of which role it is", () => {
  const { names, roles, tls } = issueHost();
  expect({ names, roles }).toEqual({ names: ['web.example.org', 'web'], roles: undefined });
  const [leaf = Buffer.of(), issuing = Buffer.of(), ...rest] = chainOf(tls);
  expect(rest).toEqual([]);
  expect(Buffer.from(issuing)).toEqual(Buffer.from(authorities.issuing.certificate));
  const { extensions, notAfter, publicKeyInfo } = parseCertificate(leaf);
  expect(extensions.dnsNames).toEqual(names);
  expect(extensions.uris).toEqual([`spiffe://test.example.org/host/Node/${subject.instanceId}`]);
  expect(notAfter).toEqual(later(3600));
  expect(Buffer.from(publicKeyInfo)).toEqual(Buffer.from(tlsKey.der));
  expect(new X509Certificate(leaf).subject).toBeUndefined();
});

test('the same record makes the same leaf again, but for its signature', () => {
  const toBeSigned = () => parseCertificate(chainOf(issue().tls)[0] ?? Buffer.of()).toBeSigned;
  expect(toBeSigned()).toEqual(toBeSigned());
});

describe.skipIf(!hasProgram('ssh-keygen'))('the SSH certificate is of the other key, with', () => {
  test.each([
    ['logins', issue, 'user', 'bot/example', ['root', 'deploy']],
    ['names', issueHost, 'host', 'host/Node', ['web.example.org', 'web']],
  ] as const)('%s as principals', (_, make, type, whose, principals) => {
    const files = { 'cert.pub': make().ssh ?? '' };
    const text = textOf('bash', ['-c', 'TZ=UTC ssh-keygen -L -f cert.pub'], { files });
    expect(text.split('\n').map((line) => line.trim())).toEqual(
      expect.arrayContaining([
        `Type: ssh-ed25519-cert-v01@openssh.com ${type} certificate`,
        `Key ID: "${whose}/${subject.instanceId}"`,
        `Serial: ${BigInt('0x4102030405060708')}`,
        'Valid: from 2026-11-20T11:59:00 to 2026-11-20T13:00:00',
        ...principals,
      ]),
    );
  });
});

describe('without a login there is no SSH certificate', () => {
  test.each([
    [[], 'the certificate has no roles, so it has no logins'],
    [
      ['access'],
      'no login comes from role access: add logins to a role, or the trait logins to the bot',
    ],
    [
      ['a', 'b'],
      'no login comes from roles a, b: add logins to a role, or the trait logins to the bot',
    ],
  ])('roles %j', (roles, ssh_absent) => {
    const granted = issue({ roles, logins: [] });
    expect(granted).toMatchObject({ roles, ssh_absent });
    expect(granted).not.toHaveProperty('ssh');
  });
});
