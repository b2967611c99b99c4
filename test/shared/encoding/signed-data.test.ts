import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distinguishedName } from '../../../local/azure/certificates/certificate.ts';
import { issueRootCertificate } from '../../../shared/authority/tls-certificate.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { DerError } from '../../../shared/encoding/der-decode.ts';
import {
  explicit,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  unsignedInteger,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { parseSignedData } from '../../../shared/encoding/signed-data.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { runProgram } from '../run-program.ts';
import { withOneMore } from './one-more.ts';

const refusal = (message: string) => expect.objectContaining({ name: 'DerError', message });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const make = (name: string) =>
  issueRootCertificate(
    name,
    'test.example.org',
    ec.publicKey,
    { notBefore: new Date(0), notAfter: new Date(1e12) },
    async (message) => sign('sha384', message, ec.privateKey),
  );
const [certificate, otherCertificate] = await Promise.all([make('signer'), make('other')]);
const { issuer, serialNumber } = parseCertificate(certificate);

const algorithm = (id: string, ...parameters: Uint8Array[]): Uint8Array =>
  sequence(oid(id), ...parameters);
const AZURE_DIGEST = algorithm(OID.sha256WithRSAEncryption, nullValue());
const SHA256 = algorithm(OID.sha256, nullValue());
const MD5 = algorithm('1.2.840.113549.2.5', nullValue());
const RSA = algorithm(OID.rsaEncryption, nullValue());
const content = Buffer.from('{"vmId":"…"}');

interface Parts {
  readonly type?: string;
  readonly version?: number;
  readonly digests?: readonly Uint8Array[];
  readonly contentType?: string;
  readonly content?: readonly Uint8Array[];
  readonly certificates?: readonly Uint8Array[];
  readonly lists?: readonly Uint8Array[];
  readonly signers?: readonly Uint8Array[];
  readonly after?: readonly Uint8Array[];
}

interface SignerParts {
  readonly version?: number;
  readonly name?: readonly Uint8Array[];
  readonly digest?: Uint8Array;
  readonly attributes?: readonly Uint8Array[];
  readonly signature?: Uint8Array;
  readonly after?: readonly Uint8Array[];
}

const signerInfo = (parts: SignerParts = {}): Uint8Array =>
  sequence(
    smallInteger(parts.version ?? 1),
    sequence(...(parts.name ?? [issuer, unsignedInteger(serialNumber)])),
    parts.digest ?? AZURE_DIGEST,
    ...(parts.attributes ?? []),
    parts.signature ?? RSA,
    octetString(Buffer.from('signature')),
    ...(parts.after ?? []),
  );

const signedData = (parts: Parts = {}): Uint8Array =>
  sequence(
    oid(parts.type ?? OID.pkcs7SignedData),
    explicit(
      0,
      sequence(
        smallInteger(parts.version ?? 1),
        setOf(...(parts.digests ?? [AZURE_DIGEST])),
        sequence(
          oid(parts.contentType ?? OID.pkcs7Data),
          ...(parts.content ?? [explicit(0, octetString(content))]),
        ),
        explicit(0, ...(parts.certificates ?? [certificate])),
        ...(parts.lists ?? []),
        setOf(...(parts.signers ?? [signerInfo()])),
      ),
    ),
    ...(parts.after ?? []),
  );

test("reads content, signer and signature of a document in Azure's shape", () => {
  const read = parseSignedData(signedData());
  expect(Buffer.from(read.content)).toEqual(content);
  expect(Buffer.from(read.signer.der)).toEqual(Buffer.from(certificate));
  expect(Buffer.from(read.signature).toString()).toBe('signature');
});

test.each([
  ['with NULL', SHA256],
  ['with nothing, as RFC 5754 prefers it', algorithm(OID.sha256)],
])("takes the digest's own name too, %s", (_, digest) => {
  const der = signedData({ digests: [digest], signers: [signerInfo({ digest })] });
  expect(Buffer.from(parseSignedData(der).content)).toEqual(content);
});

test.skipIf(!hasProgram('openssl'))('reads what openssl signs in that shape', () => {
  const script =
    'openssl req -x509 -new -key key -subj /CN=signer -outform PEM -out cert 2> log && ' +
    'openssl smime -sign -noattr -nodetach -binary -md sha256 -signer cert -inkey key -in content -outform DER';
  const key = sharedRsaKeys().keyPair('stranger');
  const files = { key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }), content };
  const read = parseSignedData(runProgram('bash', ['-c', script], { files }));
  expect(Buffer.from(read.content)).toEqual(content);
  expect(verify('sha256', read.content, key.publicKey, read.signature)).toBe(true);
});

describe('has no element more than Azure gives it:', () => {
  // Whose certificate and which names it has is read elsewhere.
  const isOwn = (place: string): boolean => !/^1\.0\.3\.0|^1\.0\.4\.0\.1\.0/.test(place);
  const more = [...withOneMore(signedData())].filter(([place]) => isOwn(place));

  test('in all its parts', () => {
    expect(more.length).toBeGreaterThan(12);
  });

  test.each(more)('at %j', (_, der) => {
    expect(() => parseSignedData(der)).toThrow(DerError);
  });
});

const attributes = explicit(0, sequence(oid('1.2.840.113549.1.9.3'), setOf(oid(OID.pkcs7Data))));

describe('refuses', () => {
  test.each<[string, Parts, string]>([
    ['another content type', { type: OID.pkcs7Data }, `expected ${OID.pkcs7SignedData}`],
    ['content of another type', { contentType: '1.2.3' }, `expected ${OID.pkcs7Data}`],
    ['version 3', { version: 3 }, 'expected version 1'],
    ['no content', { content: [] }, 'ends too early'],
    [
      'content in pieces',
      { content: [explicit(0, octetString(content), octetString(content))] },
      'unexpected bytes after the last element',
    ],
    ['no digest algorithm', { digests: [] }, 'ends too early'],
    [
      'a second digest algorithm',
      { digests: [AZURE_DIGEST, SHA256] },
      'unexpected bytes after the last element',
    ],
    ['MD5', { digests: [MD5] }, 'algorithm is not accepted'],
    [
      "Azure's name for the digest without NULL",
      { digests: [algorithm(OID.sha256WithRSAEncryption)] },
      'ends too early',
    ],
    [
      'a digest with a NULL that is not empty',
      { digests: [algorithm(OID.sha256, Buffer.of(5, 1, 0))] },
      'unexpected algorithm parameters',
    ],
    [
      'a digest with something behind its NULL',
      { digests: [algorithm(OID.sha256, nullValue(), nullValue())] },
      'unexpected bytes after the last element',
    ],
    [
      'a digest with parameters',
      { digests: [algorithm(OID.sha256, sequence())] },
      'expected tag 0x5, got 0x30',
    ],
    ['no certificate', { certificates: [] }, 'ends too early'],
    [
      'a second certificate',
      { certificates: [certificate, otherCertificate] },
      'unexpected bytes after the last element',
    ],
    [
      "another certificate than the signer's",
      { certificates: [otherCertificate] },
      'the signer is not the certificate that comes along',
    ],
    ['revocation lists', { lists: [explicit(1)] }, 'expected tag 0x31, got 0xa1'],
    ['no signer', { signers: [] }, 'ends too early'],
    [
      'a second signer',
      { signers: [signerInfo(), signerInfo()] },
      'unexpected bytes after the last element',
    ],
    ['something behind it', { after: [nullValue()] }, 'unexpected bytes after the last element'],
  ])('%s', (_, parts, message) => {
    expect(() => parseSignedData(signedData(parts))).toThrow(refusal(message));
  });

  test.each<[string, SignerParts, string]>([
    ['of version 3', { version: 3 }, 'expected version 1'],
    [
      'with another issuer',
      { name: [distinguishedName([[OID.commonName, 'x']]), unsignedInteger(serialNumber)] },
      'the signer is not the certificate that comes along',
    ],
    [
      'with another serial number',
      { name: [issuer, smallInteger(1)] },
      'the signer is not the certificate that comes along',
    ],
    ['named by its key', { name: [octetString(Buffer.alloc(20))] }, 'expected tag 0x30, got 0x4'],
    ['with MD5', { digest: MD5 }, 'algorithm is not accepted'],
    ['with signed attributes', { attributes: [attributes] }, 'expected tag 0x30, got 0xa0'],
    [
      'with unsigned attributes',
      { after: [explicit(1)] },
      'unexpected bytes after the last element',
    ],
    [
      'with RSA-PSS',
      { signature: algorithm('1.2.840.113549.1.1.10', nullValue()) },
      'algorithm is not accepted',
    ],
    ['with RSA without NULL', { signature: algorithm(OID.rsaEncryption) }, 'ends too early'],
    ['with a name of the whole scheme', { signature: AZURE_DIGEST }, 'algorithm is not accepted'],
  ])('a signer %s', (_, parts, message) => {
    expect(() => parseSignedData(signedData({ signers: [signerInfo(parts)] }))).toThrow(
      refusal(message),
    );
  });

  test('every beginning of a document, and one with a byte behind it', () => {
    const der = signedData();
    expect(() => parseSignedData(Buffer.concat([der, Buffer.of(0)]))).toThrow(DerError);
    for (let length = 0; length < der.length; length += 1)
      expect(() => parseSignedData(der.subarray(0, length))).toThrow(DerError);
  });
});

test('any changed byte is read or refused, never worse', () => {
  const der = signedData();
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (position, value) => {
      const bent = Buffer.from(der);
      bent[position] = value;
      try {
        parseSignedData(bent);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
    { numRuns: 500 },
  );
});
