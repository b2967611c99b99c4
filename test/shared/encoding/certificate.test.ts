import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KEY_USAGE, parseCertificate, publicKeyOf } from '../../../shared/encoding/certificate.ts';
import { DerError, TAG } from '../../../shared/encoding/der-decode.ts';
import {
  bitString,
  boolean,
  element,
  explicit,
  implicit,
  nullValue,
  octetString,
  oid,
  sequence,
  smallInteger,
  time,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { hasProgram } from '../../programs.ts';
import { runProgram } from '../run-program.ts';
import { withOneMore } from './one-more.ts';

const refusal = (message: string) => expect.objectContaining({ name: 'DerError', message });

describe.skipIf(!hasProgram('openssl'))('made by openssl', () => {
  /** A self-signed certificate with exactly these extensions, and a subject key identifier. */
  const made = (...extensions: string[]): Uint8Array => {
    const config = `[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n${extensions.join('\n')}\n`;
    const script =
      'openssl req -x509 -config config -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key ' +
      '-subj /O=somebody/CN=example.org -set_serial 0x00ff02 -days 10 -outform DER 2> log';
    return runProgram('bash', ['-c', script], { files: { config } });
  };

  test('names, times, key and signature', () => {
    const der = made('subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid:always');
    const certificate = parseCertificate(der);
    const other = new X509Certificate(der);
    expect([...certificate.serialNumber]).toEqual([0, 0xff, 2]);
    expect(certificate.notBefore).toEqual(other.validFromDate);
    expect(certificate.notAfter).toEqual(other.validToDate);
    expect(certificate.issuer).toEqual(certificate.subject);
    expect(Buffer.from(certificate.subject).toString('latin1')).toContain('example.org');
    expect(certificate.signatureAlgorithm).toBe(OID.ecdsaWithSHA256);
    expect(Buffer.from(certificate.publicKeyInfo)).toEqual(
      other.publicKey.export({ type: 'spki', format: 'der' }),
    );
    expect(publicKeyOf(certificate).key.equals(other.publicKey)).toBe(true);
    expect(publicKeyOf(certificate)).toBe(publicKeyOf(certificate));
    const { subjectKeyIdentifier, authorityKeyIdentifier } = certificate.extensions;
    expect(subjectKeyIdentifier).toHaveLength(20);
    expect(authorityKeyIdentifier).toEqual(subjectKeyIdentifier);
  });

  test('an authority', () => {
    const { extensions } = parseCertificate(
      made(
        'basicConstraints=critical,CA:TRUE,pathlen:3',
        'keyUsage=critical,keyCertSign,cRLSign',
        'nameConstraints=critical,permitted;DNS:example.org',
      ),
    );
    expect(extensions.basicConstraints).toEqual({ ca: true, pathLength: 3 });
    expect(extensions.keyUsage?.[KEY_USAGE.keyCertSign]).toBe(true);
    expect(extensions.keyUsage?.[KEY_USAGE.crlSign]).toBe(true);
    expect(extensions.keyUsage?.[KEY_USAGE.digitalSignature]).toBe(false);
    expect(extensions.nameConstraints).toBe(true);
    expect(extensions.unknownCritical).toEqual([]);
  });

  test('a server', () => {
    const { extensions } = parseCertificate(
      made(
        'basicConstraints=CA:FALSE',
        'keyUsage=digitalSignature',
        'extendedKeyUsage=serverAuth,clientAuth',
        'subjectAltName=DNS:a.example.org,email:a@example.org,URI:spiffe://x/y,DNS:b.example.org',
        'authorityInfoAccess=caIssuers;URI:http://a/ca.crt,OCSP;URI:http://b/,caIssuers;URI:http://c/ca.crt',
      ),
    );
    expect(extensions).toMatchObject({
      basicConstraints: { ca: false },
      keyUsage: [true],
      extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
      dnsNames: ['a.example.org', 'b.example.org'],
      uris: ['spiffe://x/y'],
      issuerUrls: ['http://a/ca.crt', 'http://c/ca.crt'],
      nameConstraints: false,
    });
  });

  test('nothing that anybody asked for', () => {
    const { extensions } = parseCertificate(made('subjectKeyIdentifier=hash'));
    expect(extensions).toMatchObject({ dnsNames: [], uris: [], issuerUrls: [] });
    expect(extensions).not.toHaveProperty('basicConstraints');
    expect(extensions).not.toHaveProperty('keyUsage');
    expect(extensions).not.toHaveProperty('extendedKeyUsage');
  });

  test('critical extensions that are not known', () => {
    const der = made('1.2.3.4=critical,DER:0500', '1.2.3.5=DER:0500', '2.999=critical,DER:0500');
    expect(parseCertificate(der).extensions.unknownCritical).toEqual(['1.2.3.4', '2.999']);
  });
});

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ type: 'spki', format: 'der' });
const ecdsa = sequence(oid(OID.ecdsaWithSHA256));
const extension = (id: string, value: Uint8Array, ...critical: Uint8Array[]): Uint8Array =>
  sequence(oid(id), ...critical, octetString(value));
const uri = (text: string): Uint8Array => implicit(6, Buffer.from(text, 'latin1'));

interface Parts {
  readonly version?: readonly Uint8Array[];
  readonly innerAlgorithm?: Uint8Array;
  readonly algorithm?: Uint8Array;
  readonly validity?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  readonly more?: readonly Uint8Array[];
}

function certificate(parts: Parts = {}): Uint8Array {
  const algorithm = parts.algorithm ?? ecdsa;
  const toBeSigned = sequence(
    ...(parts.version ?? [explicit(0, smallInteger(2))]),
    smallInteger(1),
    parts.innerAlgorithm ?? algorithm,
    sequence(),
    parts.validity ?? sequence(time(new Date(0)), time(new Date(1e12))),
    sequence(),
    spki,
    explicit(3, sequence(...(parts.extensions ?? []))),
    ...(parts.more ?? []),
  );
  return sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, privateKey)));
}

describe('the structure', () => {
  test.each([
    ['ECDSA without parameters', ecdsa, OID.ecdsaWithSHA256],
    [
      'RSA with NULL',
      sequence(oid(OID.sha256WithRSAEncryption), nullValue()),
      OID.sha256WithRSAEncryption,
    ],
  ])('%s', (_, algorithm, id) => {
    expect(parseCertificate(certificate({ algorithm })).signatureAlgorithm).toBe(id);
  });

  test.each<[string, Parts, string]>([
    ['version 1', { version: [] }, 'expected tag 0xa0, got 0x2'],
    ['version 2', { version: [explicit(0, smallInteger(1))] }, 'not a version 3 certificate'],
    [
      'two signature algorithms',
      { innerAlgorithm: sequence(oid(OID.ecdsaWithSHA384)) },
      'the two signature algorithms differ',
    ],
    [
      'parameters of the signature algorithm',
      { algorithm: sequence(oid(OID.ecdsaWithSHA256), sequence()) },
      'unexpected algorithm parameters',
    ],
    [
      'NULL for ECDSA',
      { algorithm: sequence(oid(OID.ecdsaWithSHA256), nullValue()) },
      'unexpected algorithm parameters',
    ],
    [
      'RSA without NULL',
      { algorithm: sequence(oid(OID.sha256WithRSAEncryption)) },
      'unexpected algorithm parameters',
    ],
    [
      'RSA with a NULL that is not empty',
      { algorithm: sequence(oid(OID.sha256WithRSAEncryption), Buffer.of(5, 1, 0)) },
      'unexpected algorithm parameters',
    ],
    ['an empty signature algorithm', { algorithm: sequence() }, 'not an AlgorithmIdentifier'],
    [
      'a time before 2050 in the later form',
      {
        validity: sequence(
          time(new Date(0)),
          element(TAG.generalizedTime, Buffer.from('20400101000000Z')),
        ),
      },
      'a time before 2050 is written as UTCTime',
    ],
    [
      'a criticality that says false',
      { extensions: [extension('1.2.3', nullValue(), boolean(false))] },
      'a default value is written out',
    ],
    [
      'basic constraints that say false',
      { extensions: [extension(OID.basicConstraints, sequence(boolean(false)))] },
      'a default value is written out',
    ],
    [
      'a third time',
      { validity: sequence(...[0, 1, 2].map((at) => time(new Date(at)))) },
      'unexpected bytes after the last element',
    ],
    ['one time only', { validity: sequence(time(new Date(0))) }, 'ends too early'],
    [
      'something after its extensions',
      { more: [nullValue()] },
      'unexpected bytes after the last element',
    ],
    [
      'an extension twice',
      { extensions: [1, 2].map(() => extension(OID.keyUsage, Buffer.of(3, 2, 7, 0x80))) },
      'an extension appears twice',
    ],
    [
      'an unknown extension twice',
      { extensions: [1, 2].map(() => extension('1.2.3', nullValue())) },
      'an extension appears twice',
    ],
    [
      'more extensions than anybody has',
      { extensions: Array.from({ length: 33 }, (_, i) => extension(`1.2.${i}`, nullValue())) },
      'more than 32 elements',
    ],
    ['an extension that is none', { extensions: [oid(OID.keyUsage)] }, 'not an extension'],
    [
      'a criticality that is neither true nor false',
      { extensions: [extension('1.2.3', nullValue(), Buffer.of(1, 1, 1))] },
      'not a BOOLEAN',
    ],
    [
      'bytes behind the value of an extension',
      { extensions: [extension(OID.keyUsage, Buffer.of(3, 2, 7, 0x80, 0))] },
      'unexpected bytes after the last element',
    ],
    [
      'a negative path length',
      {
        extensions: [
          extension(OID.basicConstraints, sequence(boolean(true), Buffer.of(2, 1, 0xff))),
        ],
      },
      'INTEGER is out of range',
    ],
    [
      'a control character in a name',
      { extensions: [extension(OID.subjectAltName, sequence(uri('a\0b')))] },
      'not an IA5String of printable text',
    ],
    [
      'a letter beyond ASCII in a name',
      { extensions: [extension(OID.subjectAltName, sequence(uri('é')))] },
      'not an IA5String of printable text',
    ],
    [
      "a line feed in an issuer's address",
      {
        extensions: [
          extension(OID.authorityInfoAccess, sequence(sequence(oid(OID.caIssuers), uri('a\n')))),
        ],
      },
      'not an IA5String of printable text',
    ],
    [
      'an access description that is none',
      {
        extensions: [
          extension(OID.authorityInfoAccess, sequence(explicit(0, oid(OID.caIssuers), uri('a')))),
        ],
      },
      'not an access description',
    ],
  ])('has not %s', (_, parts, message) => {
    expect(() => parseCertificate(certificate(parts))).toThrow(refusal(message));
  });

  test('has nothing behind it, and no beginning of it is one', () => {
    const der = certificate({ extensions: [extension('1.2.3', nullValue(), boolean(true))] });
    expect(() => parseCertificate(Buffer.concat([der, Buffer.of(0)]))).toThrow(DerError);
    for (let length = 0; length < der.length; length += 1)
      expect(() => parseCertificate(der.subarray(0, length))).toThrow(DerError);
  });

  test('a key of no accepted kind is refused when it is needed', () => {
    const der = Buffer.from(certificate());
    const bent = Buffer.from(
      der
        .toString('latin1')
        .replace('\x2a\x86\x48\xce\x3d\x03\x01\x07', '\x2a\x86\x48\xce\x3d\x03\x01\x06'),
      'latin1',
    );
    expect(() => publicKeyOf(parseCertificate(bent))).toThrow(refusal('the curve is not accepted'));
  });
});

describe('has no element more than it may have:', () => {
  const whole = certificate({
    extensions: [extension(OID.keyUsage, Buffer.of(3, 2, 7, 0x80), boolean(true))],
  });
  // Names and keys are read where they are needed, if at all.
  const READ_LATER = ['0.3', '0.5', '0.6', '0.6.0'];
  const more = [...withOneMore(whole)];

  test('not even in its names and keys could one go unseen by the signature', () => {
    expect(more.map(([place]) => place)).toEqual(expect.arrayContaining(['', '0', ...READ_LATER]));
    expect(more.length).toBeGreaterThan(10);
  });

  test.each(more.filter(([place]) => !READ_LATER.includes(place)))('at %j', (_, der) => {
    expect(() => parseCertificate(der)).toThrow(DerError);
  });

  test.each<[string, Uint8Array]>([
    [
      'basic constraints',
      extension(OID.basicConstraints, sequence(boolean(true), smallInteger(0), nullValue())),
    ],
    [
      'an access description',
      extension(
        OID.authorityInfoAccess,
        sequence(sequence(oid(OID.caIssuers), uri('a'), nullValue())),
      ),
    ],
    ['purposes', extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth), nullValue()))],
  ])('in %s', (_, bent) => {
    expect(() => parseCertificate(certificate({ extensions: [bent] }))).toThrow(DerError);
  });
});

test('of the names those of DNS and the addresses count, each in its own form', () => {
  const names = sequence(
    implicit(1, Buffer.from('a@example.org')),
    implicit(2, Buffer.from('a b~.example.org')),
    element(0xa2, nullValue()),
    uri('spiffe://x'),
    element(0xa6, nullValue()),
  );
  const access = sequence(
    sequence(oid(OID.caIssuers), uri('http://a')),
    sequence(oid(OID.caIssuers), implicit(2, Buffer.from('b'))),
    sequence(oid(OID.caIssuers), element(0xa6, nullValue())),
  );
  const { extensions } = parseCertificate(
    certificate({
      extensions: [
        extension(OID.subjectAltName, names),
        extension(OID.authorityInfoAccess, access),
        extension(OID.authorityKeyIdentifier, sequence(element(0xa0, nullValue()))),
      ],
    }),
  );
  expect(extensions).toMatchObject({
    dnsNames: ['a b~.example.org'],
    uris: ['spiffe://x'],
    issuerUrls: ['http://a'],
  });
  expect(extensions).not.toHaveProperty('authorityKeyIdentifier');
});

test('any changed byte is read or refused, never worse', () => {
  const der = certificate({
    extensions: [
      extension(OID.basicConstraints, sequence(boolean(true), smallInteger(0)), boolean(true)),
      extension(OID.subjectAltName, sequence(uri('spiffe://x'))),
      extension(OID.authorityInfoAccess, sequence(sequence(oid(OID.caIssuers), uri('http://a')))),
    ],
  });
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (position, value) => {
      const bent = Buffer.from(der);
      bent[position] = value;
      try {
        parseCertificate(bent);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
    { numRuns: 500 },
  );
});
