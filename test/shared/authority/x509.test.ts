/** Extensions and names byte by byte, as RFC 5280 writes them: relying parties compare some of them so. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonName,
  crlDistributionPoint,
  dnsAlternativeNames,
  EMPTY_NAME,
  extendedKeyUsage,
  extension,
  hostAlternativeNames,
  keyUsage,
  listName,
  publicKeyInfo,
  signed,
  subjectKeyIdentifier,
  uriAlternativeName,
} from '../../../shared/authority/x509.ts';
import { OID } from '../../../shared/encoding/oids.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (ascii: string): string => Buffer.from(ascii).toString('hex');

const spki = publicKeyInfo(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
/** RFC 5280 section 4.2.1.2, method 1: the SHA-1 of the key's bits, here its last 65 bytes. */
const KEY_ID = createHash('sha1').update(spki.subarray(-65)).digest('hex');

test.each<[string, Uint8Array, string]>([
  ['no name', EMPTY_NAME, '3000'],
  ['a common name', commonName('a'), '300c310a300806035504030c0161'],
  [
    'an extension that must be understood',
    extension('2.5.29.19', true, Buffer.of(5)),
    '300b0603551d130101ff040105',
  ],
  [
    'an extension that may be passed over',
    extension('2.5.29.19', false, Buffer.of(5)),
    '30080603551d13040105',
  ],
  ['no authority', basicConstraints(), '300c0603551d130101ff04023000'],
  [
    'an authority over one more',
    basicConstraints({ pathLength: 1 }),
    '30120603551d130101ff040830060101ff020101',
  ],
  [
    'what a key is for',
    keyUsage('digitalSignature', 'crlSign'),
    '300e0603551d0f0101ff040403020182',
  ],
  [
    'what a certificate is for',
    extendedKeyUsage(OID.serverAuth),
    '30130603551d25040c300a06082b06010505070301',
  ],
  ['whose key it is', subjectKeyIdentifier(spki), `301d0603551d0e04160414${KEY_ID}`],
  ['who signed it', authorityKeyIdentifier(spki), `301f0603551d23041830168014${KEY_ID}`],
  [
    'where the list is',
    crlDistributionPoint('http://a/b'),
    `301b0603551d1f041430123010a00ea00c860a${text('http://a/b')}`,
  ],
  [
    'names of a server',
    dnsAlternativeNames(['a', 'b.c']),
    `30110603551d11040a30088201${text('a')}8203${text('b.c')}`,
  ],
  ['a URI', uriAlternativeName('spiffe://a'), `30150603551d11040e300c860a${text('spiffe://a')}`],
  [
    'all names of a host, which have no subject beside them',
    hostAlternativeNames(['a'], 'spiffe://a'),
    `301b0603551d110101ff0411300f8201${text('a')}860a${text('spiffe://a')}`,
  ],
])('%s', (_, der, expected) => {
  expect(hex(der)).toBe(expected);
});

test('a list is called by the key identifier of its authority', () => {
  expect(listName(spki)).toBe(KEY_ID);
});

describe('what is signed', () => {
  test.each([
    ['ecdsaWithSHA256', '300a06082a8648ce3d040302'],
    ['ecdsaWithSHA384', '300a06082a8648ce3d040303'],
  ] as const)('stands before %s and the signature', (algorithm, name) => {
    expect(hex(signed(Buffer.from('3000', 'hex'), algorithm, Buffer.of(7)))).toBe(
      `30123000${name}03020007`,
    );
  });
});
