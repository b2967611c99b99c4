import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  issueCrossCertificate,
  issueHostTlsCertificate,
  issueIssuingCertificate,
  issueRootCertificate,
  issueTlsCertificate,
  randomSerialNumber,
  type TlsLeaf,
} from '../../../shared/authority/tls-certificate.ts';
import { commonName, crlDistributionPoint, listName } from '../../../shared/authority/x509.ts';
import { KEY_USAGE, parseCertificate } from '../../../shared/encoding/certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { textOf } from '../run-program.ts';
import { createAuthorities, later, NOON } from './rotation-parts.ts';

const { issuing } = await createAuthorities();
const pem = (der: Uint8Array): string => encodePem('CERTIFICATE', der);
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const newKey = (): Buffer => spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);

const issue = (change: Partial<TlsLeaf> = {}): Uint8Array =>
  issueTlsCertificate(
    {
      serialNumber: randomSerialNumber(),
      commonName: 'example',
      uri: 'spiffe://test.example.org/bot/example/1',
      publicKeyInfo: newKey(),
      notBefore: later(-60),
      notAfter: later(3600),
      ...change,
    },
    issuing,
  );

/** Verifies with nothing pinned but the root, as a relying party does. */
function verify(leaf: Uint8Array, at: Date, purpose = 'sslclient', root = issuing.root): string {
  const time = String(at.getTime() / 1000);
  const options = ['-x509_strict', '-purpose', purpose, '-attime', time];
  return textOf(
    'openssl',
    ['verify', ...options, '-CAfile', '@root', '-untrusted', '@issuing', '@leaf'],
    { files: { root: pem(root), issuing: issuing.pem, leaf: pem(leaf) } },
  );
}

/** What `openssl x509 -text` prints, without its white space. */
const shown = (der: Uint8Array): string =>
  textOf('openssl', ['x509', '-noout', '-text'], { stdin: pem(der) }).replace(/\s+/g, ' ');

/** Whether the algorithm of this OID stands in both places (RFC 5280 section 4.1.1.2). */
const isSignedWith = (der: Uint8Array, oid: string): boolean =>
  Buffer.from(der).toString('hex').split(oid).length === 3;

const keyIdentifierOf = (info: Uint8Array): string =>
  createHash('sha1')
    .update(info.subarray(-65))
    .digest('hex')
    .toUpperCase()
    .match(/../g)
    ?.join(':') ?? '';

describe.skipIf(!hasProgram('openssl'))('openssl verify with only the root pinned', () => {
  test.each<[string, () => KeyObject]>([
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey],
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey],
    ['RSA', () => createPublicKey(sharedRsaKeys().keyPair('stranger').privateKey)],
  ])('accepts a client with a key of %s', (_, make) => {
    expect(verify(issue({ publicKeyInfo: spki(make()) }), NOON)).toMatch(/leaf: OK\n$/);
  });

  test('accepts it from a minute before until its end', () => {
    const leaf = issue();
    expect(verify(leaf, later(-60))).toMatch(/OK/);
    expect(verify(leaf, later(3599))).toMatch(/OK/);
    expect(() => verify(leaf, later(-61))).toThrow('not yet valid');
    expect(() => verify(leaf, later(3600))).toThrow('expired');
  });

  test('accepts both ends of a connection: it is an SVID', () => {
    expect(verify(issue(), NOON, 'sslserver')).toMatch(/OK/);
    expect(verify(issue(), NOON, 'sslclient')).toMatch(/OK/);
  });

  test('accepts no other root', async () => {
    const other = await createAuthorities();
    expect(() => verify(issue(), NOON, 'sslclient', other.issuing.root)).toThrow(
      'unable to get local issuer certificate',
    );
  });
});

describe.skipIf(!hasProgram('openssl'))('openssl x509 -text', () => {
  test('a leaf says who it is, for what, and whose it is', () => {
    const serialNumber = Buffer.from('4102030405060708090a0b0c0d0e0f10', 'hex');
    const publicKeyInfo = newKey();
    const text = shown(issue({ serialNumber, publicKeyInfo }));
    for (const part of [
      'Version: 3 (0x2)',
      'Serial Number: 41:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10 ',
      'Signature Algorithm: ecdsa-with-SHA256',
      'Issuer: CN = test.example.org issuing 2 ',
      'Not Before: Nov 20 11:59:00 2026 GMT',
      'Not After : Nov 20 13:00:00 2026 GMT',
      'Subject: CN = example ',
      'X509v3 Basic Constraints: critical CA:FALSE ',
      'X509v3 Key Usage: critical Digital Signature X509v3',
      'X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication X509v3',
      `X509v3 Subject Key Identifier: ${keyIdentifierOf(publicKeyInfo)} `,
      `X509v3 Authority Key Identifier: ${keyIdentifierOf(issuing.publicKeyInfo)} `,
      'X509v3 Subject Alternative Name: URI:spiffe://test.example.org/bot/example/1 Signature',
    ])
      expect(text).toContain(part);
    expect(text.match(/X509v3 \w+/g)).toHaveLength(6 + 1);
  });

  test('an issuing certificate signs leaves and nothing longer', () => {
    const text = shown(issuing.certificate);
    for (const part of [
      'Signature Algorithm: ecdsa-with-SHA384',
      'Issuer: CN = test.example.org root 1 ',
      'Not Before: Nov 20 11:59:00 2026 GMT',
      'Not After : Dec 4 12:00:00 2026 GMT',
      'Subject: CN = test.example.org issuing 2 ',
      'ASN1 OID: prime256v1',
      'X509v3 Basic Constraints: critical CA:TRUE, pathlen:0 ',
      'X509v3 Key Usage: critical Digital Signature, Certificate Sign, CRL Sign X509v3',
      `X509v3 Subject Key Identifier: ${keyIdentifierOf(issuing.publicKeyInfo)} `,
      'X509v3 Authority Key Identifier:',
    ])
      expect(text).toContain(part);
  });

  test('a root signs issuing certificates, and a successor that signs them', () => {
    const text = shown(issuing.root);
    for (const part of [
      'Signature Algorithm: ecdsa-with-SHA384',
      'Issuer: CN = test.example.org root 1 ',
      'Not After : Nov 17 12:00:00 2036 GMT',
      'Subject: CN = test.example.org root 1 ',
      'ASN1 OID: secp384r1',
      'X509v3 Basic Constraints: critical CA:TRUE, pathlen:2 ',
      'X509v3 Key Usage: critical Certificate Sign, CRL Sign X509v3',
      'X509v3 Subject Key Identifier:',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain('Extended Key Usage');
  });
});

test('a serial number has 16 bytes, is positive and needs no zero before it', () => {
  for (let i = 0; i < 200; i += 1) {
    const serial = randomSerialNumber();
    expect(serial).toHaveLength(16);
    expect((serial[0] ?? 0) & 0xc0).toBe(0x40);
  }
});

test('all other bits of a serial number are random', () => {
  const numbers = Array.from({ length: 500 }, randomSerialNumber);
  for (const [i, bits] of [0x3f, ...Array.from({ length: 15 }, () => 0xff)].entries()) {
    expect(numbers.reduce((all, serial) => all | (serial[i] ?? 0), 0) & bits).toBe(bits);
    expect(numbers.reduce((all, serial) => all & (serial[i] ?? 0), 0xff) & bits).toBe(0);
  }
});

describe('authorities', () => {
  const root = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const CRLS = 'http://lists.example.org';
  const [SIGNS, SIGNS_LISTS] = [KEY_USAGE.keyCertSign, KEY_USAGE.crlSign];
  const names = { subject: commonName('root'), publicKeyInfo: spki(root.publicKey) };
  const validity = { notBefore: later(-60), notAfter: later(3600) };
  const crlAddress = { crlAddress: CRLS };
  const byRoot = async (tbs: Uint8Array) => sign('sha384', tbs, root.privateKey);

  const makers = {
    root: () => issueRootCertificate('root', 'test.example.org', root.publicKey, validity, byRoot),
    cross: (more: object = {}) =>
      issueCrossCertificate(
        {
          subject: commonName('successor'),
          publicKeyInfo: spki(other.publicKey),
          ...validity,
          ...more,
        },
        'test.example.org',
        names,
        byRoot,
      ),
    issuing: (more: object = {}) =>
      issueIssuingCertificate('issuing', other.publicKey, { ...validity, ...more }, names, byRoot),
  };
  const usages = (der: Uint8Array): number[] =>
    [...(parseCertificate(der).extensions.keyUsage ?? [])].flatMap((set, bit) =>
      set ? [bit] : [],
    );

  test.each<[string, () => Promise<Uint8Array>, object]>([
    [
      'a root: over a successor and its issuing certificates, and of the trust domain',
      makers.root,
      {
        subject: 'root',
        pathLength: 2,
        uris: ['spiffe://test.example.org'],
        usage: [SIGNS, SIGNS_LISTS],
      },
    ],
    [
      "a root's successor under it: over its issuing certificates, and of the trust domain",
      makers.cross,
      {
        subject: 'successor',
        pathLength: 1,
        uris: ['spiffe://test.example.org'],
        usage: [SIGNS, SIGNS_LISTS],
      },
    ],
    [
      'an issuing certificate: over leaves alone, of no trust domain, and it signs bundles too',
      makers.issuing,
      {
        subject: 'issuing',
        pathLength: 0,
        uris: [],
        usage: [KEY_USAGE.digitalSignature, SIGNS, SIGNS_LISTS],
      },
    ],
  ])('%s', async (_, make, expected) => {
    const der = await make();
    const { issuer, notBefore, notAfter, extensions } = parseCertificate(der);
    expect({
      subject: /CN=(.*)/.exec(new X509Certificate(der).subject)?.[1],
      pathLength: extensions.basicConstraints?.pathLength,
      uris: extensions.uris,
      usage: usages(der),
    }).toEqual(expected);
    expect(extensions.basicConstraints?.ca).toBe(true);
    expect(extensions.extendedKeyUsage).toBeUndefined();
    expect({ notBefore, notAfter }).toEqual(validity);
    expect(issuer).toEqual(Buffer.from(commonName('root')));
    expect(new X509Certificate(der).verify(root.publicKey)).toBe(true);
    expect(isSignedWith(der, '2a8648ce3d040303')).toBe(true);
  });

  test.each([
    ['of a successor', makers.cross],
    ['of issuing', makers.issuing],
  ])(
    'a certificate %s says where the list of its root is, if there is an address',
    async (_, make) => {
      const point = Buffer.from(
        crlDistributionPoint(`${CRLS}/${listName(names.publicKeyInfo)}.crl`),
      );
      expect(Buffer.from(await make(crlAddress)).includes(point)).toBe(true);
      expect(Buffer.from(await make()).includes('551d1f', 0, 'hex')).toBe(false);
    },
  );
});

test('a leaf says where the list of its issuer is, if there is an address', () => {
  const point = Buffer.from(
    crlDistributionPoint(`http://lists.example.org/${listName(issuing.publicKeyInfo)}.crl`),
  );
  const listed = Buffer.from(issue({ crlAddress: 'http://lists.example.org' }));
  expect(listed.includes(point)).toBe(true);
  expect(Buffer.from(issue()).includes('551d1f', 0, 'hex')).toBe(false);
});

test("the broker's own parser reads the whole chain", () => {
  const leaf = parseCertificate(issue());
  expect(leaf.extensions).toMatchObject({
    basicConstraints: { ca: false },
    uris: ['spiffe://test.example.org/bot/example/1'],
    dnsNames: [],
    unknownCritical: [],
  });
  expect(parseCertificate(issuing.certificate).extensions.basicConstraints).toEqual({
    ca: true,
    pathLength: 0,
  });
  expect(leaf.issuer).toEqual(parseCertificate(issuing.certificate).subject);
  expect(parseCertificate(issuing.certificate).issuer).toEqual(
    parseCertificate(issuing.root).subject,
  );
});

describe.skipIf(!hasProgram('openssl'))("a host's certificate", () => {
  const names = ['web.group1.test.example.org', 'web.hosts.example.com'];
  const host = (change: object = {}): Uint8Array =>
    issueHostTlsCertificate(
      {
        serialNumber: randomSerialNumber(),
        names,
        uri: 'spiffe://test.example.org/host/Node/1',
        publicKeyInfo: newKey(),
        notBefore: later(-60),
        notAfter: later(3600),
        ...change,
      },
      issuing,
    );

  test.each(['sslserver', 'sslclient'])('verifies strictly as %s', (purpose) => {
    expect(verify(host(), NOON, purpose)).toContain('OK');
  });

  test('has an empty subject, and its names in a critical extension', () => {
    const told = shown(host());
    expect(told).toContain('Subject: Subject Public Key');
    expect(told).toContain(
      'X509v3 Subject Alternative Name: critical DNS:web.group1.test.example.org, DNS:web.hosts.example.com, URI:spiffe://test.example.org/host/Node/1',
    );
    expect(told).toContain('TLS Web Server Authentication, TLS Web Client Authentication');
  });

  test('without a name is none', () => {
    expect(() => host({ names: [] })).toThrow('needs a name');
  });
});
