import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  issueSshHostCertificate,
  issueSshUserCertificate,
  type SshCertificate,
} from '../../../shared/authority/ssh-certificate.ts';
import {
  type SshPublicKey,
  sshBlob,
  sshPublicKey,
} from '../../../shared/encoding/ssh-public-key.ts';
import { sshString } from '../../../shared/encoding/ssh-wire.ts';
import type { SshPermissions } from '../../../shared/protocol/ssh-permissions.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { textOf } from '../run-program.ts';
import { later, NOON } from './rotation-parts.ts';

const authority = generateKeyPairSync('ed25519');
const form = (key: KeyObject): SshPublicKey => {
  const found = sshPublicKey(key);
  if (!found) throw new Error('no SSH key');
  return found;
};
const issuer = { publicKey: form(authority.publicKey), privateKey: authority.privateKey };

const issue = (change: Partial<SshCertificate> = {}, permissions?: SshPermissions): string =>
  issueSshUserCertificate(
    {
      serial: 0x4102030405060708n,
      key: form(generateKeyPairSync('ed25519').publicKey),
      keyId: 'bot/example/11111111-1111-4111-8111-111111111111',
      principals: ['root', 'deploy@example.org'],
      validAfter: later(-60),
      validBefore: later(3600),
      ...change,
    },
    issuer,
    permissions,
  );

/** What `ssh-keygen -L` shows, line by line. It checks the signature, too. */
const shown = (line: string): string[] =>
  textOf('bash', ['-c', 'TZ=UTC ssh-keygen -L -f cert.pub'], { files: { 'cert.pub': line } })
    .split('\n')
    .map((text) => text.trim())
    .filter((text) => text !== '');

describe.skipIf(!hasProgram('ssh-keygen'))('ssh-keygen -L', () => {
  const keys: readonly (readonly [string, string, () => KeyObject])[] = [
    ['ssh-ed25519', 'ED25519', () => generateKeyPairSync('ed25519').publicKey],
    [
      'ecdsa-sha2-nistp256',
      'ECDSA',
      () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
    ],
    [
      'ecdsa-sha2-nistp384',
      'ECDSA',
      () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey,
    ],
    ['ssh-rsa', 'RSA', () => createPublicKey(sharedRsaKeys().keyPair('stranger').privateKey)],
  ];

  test.each(keys)('a certificate for a key of %s', (type, short, make) => {
    const line = issue({ key: form(make()) });
    const [, cert, publicKey, signing, ...rest] = shown(line);
    expect(line.startsWith(`${type}-cert-v01@openssh.com AAAA`)).toBe(true);
    expect(cert).toBe(`Type: ${type}-cert-v01@openssh.com user certificate`);
    expect(publicKey).toMatch(new RegExp(`^Public key: ${short}-CERT SHA256:`));
    expect(signing).toMatch(/^Signing CA: ED25519 SHA256:\S+ \(using ssh-ed25519\)$/);
    expect(rest).toEqual([
      'Key ID: "bot/example/11111111-1111-4111-8111-111111111111"',
      'Serial: 4684309878217770760',
      'Valid: from 2026-11-20T11:59:00 to 2026-11-20T13:00:00',
      'Principals:',
      'root',
      'deploy@example.org',
      'Critical Options: (none)',
      'Extensions: (none)',
    ]);
  });

  test('what a certificate permits, in the order that the format demands', () => {
    const extensions = [
      'permit-user-rc',
      'permit-pty',
      'permit-port-forwarding',
      'permit-agent-forwarding',
      'permit-X11-forwarding',
    ] as const;
    const lines = shown(issue({}, { extensions, sourceAddresses: undefined }));
    expect(lines.slice(-6)).toEqual(['Extensions:', ...extensions.toReversed()]);
  });

  test('from where it is taken', () => {
    const sourceAddresses = ['203.0.113.0/24', '2001:db8::/32'];
    const lines = shown(issue({}, { extensions: ['permit-pty'], sourceAddresses }));
    expect(lines.slice(-4)).toEqual([
      'Critical Options:',
      'source-address 203.0.113.0/24,2001:db8::/32',
      'Extensions:',
      'permit-pty',
    ]);
  });

  test('a serial of 64 bits', () => {
    expect(shown(issue({ serial: 2n ** 64n - 1n }))).toContain('Serial: 18446744073709551615');
  });

  test('no certificate whose bytes were changed', () => {
    const [type, base64 = ''] = issue().split(' ');
    const bytes = Buffer.from(base64, 'base64');
    bytes.write('toor', bytes.indexOf('root'));
    expect(() => shown(`${type} ${bytes.toString('base64')}`)).toThrow('incorrect signature');
  });
});

describe.skipIf(!hasProgram('ssh-keygen'))('an authority with a key of P-256', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsa = { publicKey: form(p256.publicKey), privateKey: p256.privateKey };
  const certificate = {
    serial: 7n,
    key: form(generateKeyPairSync('ed25519').publicKey),
    keyId: 'x',
    principals: ['root'],
    validAfter: later(-60),
    validBefore: later(3600),
  };

  // Numbers whose first bit is set, or that are short, come up often enough.
  test('signs what ssh-keygen accepts, each time', () => {
    for (let i = 0; i < 20; i += 1) {
      expect(shown(issueSshUserCertificate(certificate, ecdsa)).join()).toMatch(
        /Signing CA: ECDSA SHA256:\S+ \(using ecdsa-sha2-nistp256\)/,
      );
    }
  });

  test('signs for hosts, too', () => {
    expect(shown(issueSshHostCertificate(certificate, ecdsa)).join()).toContain('using ecdsa');
  });
});

describe.skipIf(!hasProgram('ssh-keygen'))('at the limit of OpenSSH', () => {
  const logins = (count: number): string[] => Array.from({ length: count }, (_, i) => `login${i}`);

  test('256 principals are read', () => {
    expect(shown(issue({ principals: logins(256) }))).toContain('login255');
  });

  test('one more is refused: nobody could read it', () => {
    expect(() => issue({ principals: logins(257) })).toThrow('too many principals');
  });

  test.each([
    [256, ''],
    [257, 'Too many certificate principals'],
  ])("OpenSSH's own authority, with %i of them, says %j", (count, said) => {
    const script = [
      'ssh-keygen -q -t ed25519 -N "" -f ca',
      'ssh-keygen -q -t ed25519 -N "" -f key',
      `ssh-keygen -q -s ca -I x -n ${logins(count).join()} key.pub 2>&1 || true`,
    ].join(' && ');
    expect(
      textOf('bash', ['-c', script])
        .trim()
        .slice(0, said.length || 1),
    ).toBe(said);
  });
});

test('has nothing but its name in what it permits, and nothing reserved', () => {
  const extensions = ['permit-pty', 'permit-X11-forwarding'] as const;
  const [, base64 = ''] = issue({}, { extensions, sourceAddresses: undefined }).split(' ');
  const written = ['permit-X11-forwarding', '', 'permit-pty', ''].map((text) => sshString(text));
  const rest = [
    sshString(Buffer.concat(written)),
    sshString(''),
    sshString(sshBlob(issuer.publicKey)),
  ];
  expect(Buffer.from(base64, 'base64').includes(Buffer.concat(rest))).toBe(true);
});

test('is refused without an address that it could be used from: it would be taken from all', () => {
  expect(() => issue({}, { extensions: [], sourceAddresses: [] })).toThrow('needs an address');
});

test('is refused without a principal: it would be good for every login', () => {
  expect(() => issue({ principals: [] })).toThrow('an SSH certificate needs a principal');
});

test('is never the same twice', () => {
  const key = form(generateKeyPairSync('ed25519').publicKey);
  expect(issue({ key })).not.toBe(issue({ key }));
  expect(issue({ validAfter: NOON })).not.toContain('\n');
});

describe.skipIf(!hasProgram('ssh-keygen'))('a certificate for a host', () => {
  const names = ['web.group1.test.example.org', 'web.hosts.example.com'];

  test('names the host, and has neither options nor extensions', () => {
    const line = issueSshHostCertificate(
      {
        serial: 7n,
        key: form(generateKeyPairSync('ed25519').publicKey),
        keyId: 'host/Node/1',
        principals: names,
        validAfter: later(-60),
        validBefore: later(3600),
      },
      issuer,
    );
    const told = shown(line);
    expect(told).toContain('Type: ssh-ed25519-cert-v01@openssh.com host certificate');
    expect(told).toContain('Key ID: "host/Node/1"');
    expect(told).toEqual(expect.arrayContaining(names));
    expect(told).toContain('Critical Options: (none)');
    expect(told).toContain('Extensions: (none)');
  });

  test('without a name is none: OpenSSH would take it for every host', () => {
    expect(() =>
      issueSshHostCertificate(
        {
          serial: 7n,
          key: form(generateKeyPairSync('ed25519').publicKey),
          keyId: 'x',
          principals: [],
          validAfter: later(-60),
          validBefore: later(3600),
        },
        issuer,
      ),
    ).toThrow('needs a name');
  });
});
