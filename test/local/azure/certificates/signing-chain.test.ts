import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type {
  ChainBends,
  SigningChain,
} from '../../../../local/azure/certificates/signing-chain.ts';
import type { Cloud } from '../../../../local/azure/cloud.ts';
import { parseCertificate } from '../../../../shared/encoding/certificate.ts';
import { certificatePem, hasOpenssl, keys, NOW, newCloud, openssl } from '../fixture.ts';

/** What OpenSSL says of a chain to the cloud's roots: `OK`, or the first error. */
function verdict(cloud: Cloud, chain: SigningChain): string {
  const args = ['verify', '-attime', `${NOW.getTime() / 1000}`, '-x509_strict', '-auth_level', '2'];
  const purpose = ['-purpose', 'sslserver', '-verify_hostname', 'metadata.azure.com'];
  const supplied = chain.intermediates.length > 0 ? ['-untrusted', '@intermediates'] : [];
  try {
    openssl([...args, ...purpose, '-CAfile', '@roots', ...supplied, '@leaf'], {
      roots: certificatePem(...cloud.roots),
      intermediates: certificatePem(...chain.intermediates),
      leaf: certificatePem(chain.leaf('eastus').certificate),
    });
    return 'OK';
  } catch (error) {
    return /lookup: (.*)/.exec(`${(error as { stderr: string }).stderr}`)?.[1] ?? `${error}`;
  }
}

const x509 = (der: Uint8Array | undefined): X509Certificate =>
  new X509Certificate(der ?? Buffer.of());

describe.skipIf(!hasOpenssl)('OpenSSL accepts', () => {
  test.for(['ec', 'cross_signed'] as const)('the chain %s', (chain) => {
    const cloud = newCloud({ chain });
    expect(verdict(cloud, cloud.signingChain())).toBe('OK');
  });

  test('the chain rsa', () => {
    const short = { keyPair: (purpose: string) => keys.keyPair(purpose) };
    const cloud = newCloud({ chain: 'rsa', keys: short });
    expect(verdict(cloud, cloud.signingChain())).toBe('OK');
    expect(x509(cloud.roots[0]).publicKey.asymmetricKeyType).toBe('rsa');
  });
});

const REFUSED: readonly (readonly [name: string, bends: ChainBends, verdict: RegExp])[] = [
  ['an unknown root', { root: 'unknown' }, /unable to get local issuer/],
  ['a root that looks like the pinned one', { root: 'look_alike' }, /unable to get local issuer/],
  [
    'authorities that vouch for each other',
    { root: 'circle' },
    /unable to get|self-signed|too long/,
  ],
  ['a leaf that signs itself', { selfSigned: true }, /self-signed certificate/],
  ['an issuer for e-mail only', { issuing: { emailOnly: true } }, /purpose/],
  [
    'an issuer with an unknown critical extension',
    { issuing: { unknownCriticalExtension: true } },
    /unhandled critical extension/,
  ],
  ['an issuer without keyCertSign', { issuing: { noKeyCertSign: true } }, /invalid CA/],
  ['an exceeded path length', { issuing: { pathLengthExceeded: true } }, /path length constraint/],
  [
    'an issuer without basic constraints',
    { issuing: { basicConstraints: 'absent' } },
    /invalid CA/,
  ],
  ['an issuer that is no authority', { issuing: { basicConstraints: 'not_ca' } }, /invalid CA/],
  ['an issuer signed with SHA-1', { issuing: { sha1: true } }, /digest algorithm too weak/],
  ['an expired issuer', { issuing: { expired: true } }, /has expired/],
  ['an issuer of the future', { issuing: { notYetValid: true } }, /not yet valid/],
  ['an expired leaf', { leaf: { expired: true } }, /has expired/],
  ['a leaf of the future', { leaf: { notYetValid: true } }, /not yet valid/],
  ['a leaf signed with SHA-1', { leaf: { sha1: true } }, /digest algorithm too weak/],
  ['a leaf for clients only', { leaf: { extendedKeyUsage: 'client_only' } }, /purpose/],
  ['a leaf of another name', { leaf: { dnsNames: ['fakemetadata.azure.com'] } }, /hostname/],
];

test.skipIf(!hasOpenssl).for(REFUSED)('OpenSSL refuses %s', ([, bends, expected]) => {
  const cloud = newCloud();
  expect(verdict(cloud, cloud.signingChain(bends))).toMatch(expected);
});

/** OpenSSL finds nothing wrong with these: only the broker's own rules can refuse them. */
const ACCEPTED: readonly (readonly [name: string, bends: ChainBends])[] = [
  ['name constraints that the leaf satisfies', { issuing: { nameConstraints: true } }],
  ['an RSA-16384 issuer', { issuing: { key: 'rsa_16384' } }],
  ['an issuer with exponent 3', { issuing: { key: 'rsa_exponent_3' } }],
  ['a leaf that is an authority', { leaf: { authority: true } }],
  ['a leaf without extended key usage', { leaf: { extendedKeyUsage: 'absent' } }],
  ['a name in the common name only', { leaf: { dnsNames: [] } }],
];

test.skipIf(!hasOpenssl).for(ACCEPTED)('OpenSSL is content with %s', ([, bends]) => {
  const cloud = newCloud();
  expect(verdict(cloud, cloud.signingChain(bends))).toBe('OK');
});

/** The names of what differs between two certificates, apart from keys, serial numbers and signatures. */
function differences(a: Uint8Array | undefined, b: Uint8Array | undefined): string[] {
  const shown = (der: Uint8Array | undefined) => {
    const { extensions, ...fields } = parseCertificate(der ?? Buffer.of());
    const { issuer, subject, notBefore, notAfter, signatureAlgorithm } = fields;
    const { subjectKeyIdentifier: _, authorityKeyIdentifier: __, ...named } = extensions;
    return { issuer, subject, notBefore, notAfter, signatureAlgorithm, ...named };
  };
  const [left, right] = [shown(a), shown(b)] as Record<string, unknown>[];
  const names = new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})]);
  return [...names].filter(
    (name) => JSON.stringify(left?.[name]) !== JSON.stringify(right?.[name]),
  );
}

const EXACT: readonly (readonly [bends: ChainBends, issuing: string[], leaf: string[]])[] = [
  [{ issuing: { emailOnly: true } }, ['extendedKeyUsage'], []],
  [{ issuing: { nameConstraints: true } }, ['nameConstraints'], []],
  [{ issuing: { unknownCriticalExtension: true } }, ['unknownCritical'], []],
  [{ issuing: { noKeyCertSign: true } }, ['keyUsage'], []],
  [{ issuing: { basicConstraints: 'absent' } }, ['basicConstraints'], []],
  [{ issuing: { basicConstraints: 'not_ca' } }, ['basicConstraints'], []],
  [{ issuing: { sha1: true } }, ['signatureAlgorithm'], []],
  [{ issuing: { expired: true } }, ['notBefore', 'notAfter'], []],
  [{ issuing: { notYetValid: true } }, ['notBefore'], []],
  [{ leaf: { expired: true } }, [], ['notBefore', 'notAfter']],
  [{ leaf: { notYetValid: true } }, [], ['notBefore']],
  [{ leaf: { commonName: 'other.example' } }, [], ['subject']],
  [{ leaf: { dnsNames: ['other.example'] } }, [], ['dnsNames']],
  [{ leaf: { authority: true } }, [], ['basicConstraints']],
  [{ leaf: { extendedKeyUsage: 'client_only' } }, [], ['extendedKeyUsage']],
  [{ leaf: { extendedKeyUsage: 'absent' } }, [], ['extendedKeyUsage']],
  [{ leaf: { sha1: true } }, [], ['signatureAlgorithm']],
  [{ root: 'look_alike' }, [], []],
  [{ root: 'unknown' }, ['issuer', 'issuerUrls'], []],
];

test.for(EXACT)('%j changes nothing else', ([bends, issuing, leaf]) => {
  const cloud = newCloud();
  const [usual, bent] = [cloud.signingChain(), cloud.signingChain(bends)];
  expect(differences(usual.intermediates[0], bent.intermediates[0])).toEqual(issuing);
  expect(differences(usual.leaf('eastus').certificate, bent.leaf('eastus').certificate)).toEqual(
    leaf,
  );
});

test('keys of issuing certificates are as weak as they say, and sign all the same', () => {
  const cloud = newCloud();
  const long = cloud.signingChain({ issuing: { key: 'rsa_16384' } });
  const small = cloud.signingChain({ issuing: { key: 'rsa_exponent_3' } });
  const details = (chain: SigningChain) =>
    x509(chain.intermediates[0]).publicKey.asymmetricKeyDetails;
  expect(details(long)).toMatchObject({ modulusLength: 16_384, publicExponent: 65_537n });
  expect(details(small)).toMatchObject({ modulusLength: 2048, publicExponent: 3n });
  for (const chain of [long, small]) {
    const leaf = x509(chain.leaf('eastus').certificate);
    expect(leaf.verify(x509(chain.intermediates[0]).publicKey)).toBe(true);
  }
});

test("a stranger's chain has a stranger's key, a mis-issued one Azure's", () => {
  const cloud = newCloud();
  const azures = cloud.signingChain().leafKey;
  expect(cloud.signingChain({ root: 'unknown' }).leafKey).not.toBe(azures);
  expect(cloud.signingChain({ selfSigned: true }).leafKey).not.toBe(azures);
  expect(cloud.signingChain({ issuing: { emailOnly: true } }).leafKey).toBe(azures);
});

test('a look-alike can take issuer name and serial number of the right leaf', () => {
  const cloud = newCloud();
  const right = cloud.signingChain().leaf('eastus');
  const { serialNumber } = right;
  const chain = cloud.signingChain({ root: 'look_alike', leaf: { serialNumber } });
  const { certificate, ...identity } = chain.leaf('eastus');
  expect(identity).toEqual({ issuer: right.issuer, serialNumber });
  expect(certificate).not.toEqual(right.certificate);
});

test('a leaf is of its region, stays the same for months, and is replaced before it expires', () => {
  let now = NOW;
  const chain = newCloud({ now: () => now }).signingChain();
  const first = chain.leaf('westeurope');
  expect(parseCertificate(first.certificate).extensions.dnsNames).toEqual([
    'westeurope.metadata.azure.com',
    'metadata.azure.com',
  ]);
  now = new Date('2027-02-20T00:00:00Z');
  expect(chain.leaf('westeurope')).toBe(first);
  now = new Date('2027-04-01T00:00:00Z');
  const second = parseCertificate(chain.leaf('westeurope').certificate);
  expect(second.notAfter.getTime()).toBeGreaterThan(now.getTime());
});

test('clouds have authorities of their own', () => {
  expect(newCloud().roots).not.toEqual(newCloud().roots);
});
