import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkIssued, type IssuedCertificate, soonestEnd } from '../../agent/issued-certificate.ts';
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
import {
  basicConstraints,
  commonName,
  dnsAlternativeNames,
  EMPTY_NAME,
  signed,
  toBeSigned,
  uriAlternativeName,
} from '../../shared/authority/x509.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { certificationRequest } from '../../shared/encoding/certification-request-encode.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { sshBlob, sshPublicKey, sshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';
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

/** A host's certificate, each of whose parts a test can change. */
async function hostSetUp() {
  const { authorities, key, trust } = await setUp();
  const NAMES = ['a.example.com', 'b.example.com'];
  const validity = { notBefore: START, notAfter: new Date(START.getTime() + 3600_000) };
  const tlsFor = (names: readonly string[]): string =>
    encodePem(
      'CERTIFICATE',
      issueHostTlsCertificate(
        {
          ...validity,
          serialNumber: randomSerialNumber(),
          names,
          uri: 'spiffe://test/host/Node/1',
          publicKeyInfo: createPublicKey(key).export({ format: 'der', type: 'spki' }),
        },
        authorities.issuing,
      ),
    ) + authorities.issuing.pem;
  /** Of any subject and alternative names. */
  const tlsOf = (subject: Uint8Array, names: Uint8Array): string => {
    const { issuing } = authorities;
    const tbs = toBeSigned({
      ...validity,
      serialNumber: randomSerialNumber(),
      signatureAlgorithm: 'ecdsaWithSHA256',
      issuer: issuing.subject,
      subject,
      publicKeyInfo: createPublicKey(key).export({ format: 'der', type: 'spki' }),
      extensions: [basicConstraints(), names],
    });
    const leaf = signed(tbs, 'ecdsaWithSHA256', sign('sha256', tbs, issuing.privateKey));
    return encodePem('CERTIFICATE', leaf) + issuing.pem;
  };
  const certificateOf = (principals: readonly string[], of: KeyObject = key) => {
    const sshKey = sshPublicKey(createPublicKey(of));
    if (!sshKey) throw new Error('not a key of SSH');
    const times = { validAfter: START, validBefore: validity.notAfter };
    return { serial: 1n, key: sshKey, keyId: 'id', ...times, principals: [...principals] };
  };
  const sshFor = (principals: readonly string[], of?: KeyObject): string =>
    issueSshHostCertificate(certificateOf(principals, of), authorities.sshHost);
  const granted: GrantedCertificate = {
    name: 'identity',
    names: NAMES,
    issued: formatTimestamp(START),
    expires: formatTimestamp(validity.notAfter),
    tls: tlsFor(NAMES),
    ssh: sshFor(NAMES),
  };
  const check = (changes: Partial<GrantedCertificate>, sshKey?: string) =>
    checkIssued({ ...granted, ...changes }, key, trust, { kind: 'host', sshKey, now: START });
  return { authorities, granted, tlsOf, sshFor, certificateOf, check };
}

test('accepts the certificates of a host, for all its names in any order', async () => {
  const { granted, sshFor, check } = await hostSetUp();
  const { ssh = '', names = [] } = granted;
  expect(check({})).toMatchObject({ names, ssh: ssh.trimEnd(), roles: [] });
  const turned = sshFor(names.toReversed());
  expect(check({ ssh: `${turned.trimEnd()}\n` }).ssh).toBe(turned.trimEnd());
  expect(check({})).not.toHaveProperty('sshKey');
});

test("accepts an SSH certificate for the key that the host's sshd has, and for no third one", async () => {
  const { granted, sshFor, check } = await hostSetUp();
  const [own, other] = [newKey(), newKey()];
  const line = sshPublicKey(createPublicKey(own));
  const sshKey = line && sshPublicKeyLine(line);
  const { names = [] } = granted;
  const found = check({ ssh: sshFor(names, own) }, sshKey).sshKey;
  expect(found?.equals(createPublicKey(own))).toBe(true);
  for (const ssh of [sshFor(names, other), granted.ssh ?? ''])
    expect(() => check({ ssh }, sshKey)).toThrow('its SSH form is for another key');
});

describe('refuses a certificate of a host', () => {
  test.each<[string, Partial<GrantedCertificate>, string]>([
    ['without a name', { names: [] }, 'it names no host'],
    ['whose names are not said', { names: undefined } as never, 'it names no host'],
    ['with a name that is none', { names: ['a.example.com', '-'] }, 'a name of it is no DNS name'],
    ['without an SSH form', { ssh: undefined } as never, 'it has no SSH form'],
    ['with more names than it is for', { names: ['c.example.com'] }, 'it is for other names'],
    [
      'that is no certificate',
      { tls: encodePem('CERTIFICATE', Buffer.from('x')) },
      'it is not a certificate',
    ],
  ])('%s', async (_, changes, said) => {
    const { check } = await hostSetUp();
    expect(() => check(changes)).toThrow(
      expect.objectContaining({
        code: 'untrusted',
        message: `a certificate from the broker is not accepted: ${said}`,
      }),
    );
  });
});

describe('takes a certificate for a name only where it says the name itself, and not', () => {
  const NAMES = ['web.example.com'];
  test('with a wildcard', async () => {
    const { tlsOf, sshFor, check } = await hostSetUp();
    const tls = tlsOf(EMPTY_NAME, dnsAlternativeNames(['*.example.com']));
    expect(() => check({ names: NAMES, tls, ssh: sshFor(NAMES) })).toThrow('it is for other names');
  });

  test('in the subject, as a bot of that name has it', async () => {
    const { tlsOf, sshFor, check } = await hostSetUp();
    const uri = uriAlternativeName('spiffe://test/bot/web.example.com/1');
    const tls = tlsOf(commonName('web.example.com'), uri);
    expect(() => check({ names: NAMES, tls, ssh: sshFor(NAMES) })).toThrow('it is for other names');
  });
});

describe('refuses an SSH certificate of a host that', () => {
  test.each<[string, readonly string[]]>([
    ['is for other names', ['a.example.com', 'c.example.com']],
    ['is for one name less', ['a.example.com']],
    ['is for one name more', ['a.example.com', 'b.example.com', 'c.example.com']],
    ['is for one name that is both', ['a.example.comb.example.com']],
  ])('%s', async (_, principals) => {
    const { sshFor, check } = await hostSetUp();
    expect(() => check({ ssh: sshFor(principals) })).toThrow('its SSH form is for other names');
  });

  test('is for a user, or that the authority of users signed', async () => {
    const { authorities, granted, certificateOf, check } = await hostSetUp();
    const certificate = certificateOf(granted.names ?? []);
    const user = issueSshUserCertificate(certificate, authorities.sshHost);
    expect(() => check({ ssh: user })).toThrow('is for a user');
    const foreign = issueSshHostCertificate(certificate, authorities.sshUser);
    expect(() => check({ ssh: foreign })).toThrow('signed by an authority');
  });
});

test('what a certificate is without is told: logins, and why there are none', async () => {
  const { granted, check } = await setUp();
  const { ssh: _, roles: __, ...rest } = granted;
  const { sshAbsent, ...others } = check({ ...rest, ssh_absent: 'no login\u001b' });
  expect(sshAbsent).toMatch(/^no login/);
  expect(sshAbsent).not.toContain('\u001b');
  expect(others).toMatchObject({ roles: [], names: [] });
  expect(check(rest)).not.toHaveProperty('ssh');
  expect(check(granted)).not.toHaveProperty('sshAbsent');
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

test('of several certificates the one counts that is over first', () => {
  const ends = [3600_000, 60_000, 7200_000].map((ms) => new Date(START.getTime() + ms));
  const certificates = ends.map((expires) => ({ expires }) as IssuedCertificate);
  expect(soonestEnd(new Set(certificates))).toEqual(ends[1]);
});
