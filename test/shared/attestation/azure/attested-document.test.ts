/** The signer's own key: what the chain vouches for may still be no key that signs documents. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createRoot } from '../../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../../local/azure/certificates/certificate-key.ts';
import {
  type AttestedDocumentChecks,
  endsInPinned,
  verifyAttestedDocument,
} from '../../../../shared/attestation/azure/attested-document.ts';
import { createKnownCertificates } from '../../../../shared/attestation/azure/known-certificates.ts';
import { denied, type Refusal } from '../../../../shared/refusal.ts';
import { sharedRsaKeys } from '../../../shared-rsa-keys.ts';
import { checks, documentBy, issuing, NOON, root, SAID, VM } from './attested-documents.ts';

const reasonOf = (der: Uint8Array, changes: Partial<AttestedDocumentChecks> = {}): unknown => {
  try {
    return verifyAttestedDocument(der, { ...checks, ...changes });
  } catch (error) {
    return (error as Refusal).reason;
  }
};

const rsa = sharedRsaKeys().keyPair('stranger');

test('an RSA key of 2048 bits signs', () => {
  expect(reasonOf(documentBy(rsa))).toMatchObject({ nonce: 'nonce' });
});

describe('denies a document of a signer', () => {
  const offCurve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = Buffer.from(offCurve.publicKey.export({ format: 'der', type: 'spki' }));
  spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;

  test.each<[string, () => Uint8Array]>([
    ['with a curve', () => documentBy(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    [
      'with RSA of 1024 bits',
      () => documentBy(generateKeyPairSync('rsa', { modulusLength: 1024 })),
    ],
    [
      'with RSA exponent 3',
      () => documentBy(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })),
    ],
    ['that signs with SHA-384', () => documentBy(rsa, { hash: 'sha384' })],
    [
      'whose key is of a kind that is not accepted',
      () => documentBy(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
    ],
    ['whose key is not on its curve', () => documentBy(rsa, { publicKeyInfo: spki })],
  ])('%s', (_, document) => {
    expect(reasonOf(document())).toBe('document_signature');
  });
});

test("the signature is looked at after the chain: a stranger's document costs one check, of the chain's", () => {
  const stranger = createRoot('Root', newAuthorityKey(), NOON);
  const forged = documentBy(rsa, { hash: 'sha384' });
  expect(reasonOf(forged)).toBe('document_signature');
  expect(reasonOf(forged, { roots: [stranger.certificate] })).toBe('document_chain');
});

test('certificates are remembered of documents only whose own signature is good', () => {
  const known = createKnownCertificates();
  const remembered: number[] = [];
  const watched = {
    ...known,
    remember: (path: readonly unknown[]) => remembered.push(path.length),
  };
  const verify = (der: Uint8Array) => verifyAttestedDocument(der, { ...checks, known: watched });
  expect(() => verify(documentBy(rsa, { hash: 'sha384' }))).toThrow('does not match its content');
  expect(remembered).toEqual([]);
  verify(documentBy(rsa));
  expect(remembered).toEqual([3]);
});

test('a signature of the chain that is known is not checked again', () => {
  const forged = Buffer.from(issuing.certificate);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const known = createKnownCertificates();
  const outcome = (isSignedBy = known.isSignedBy) =>
    reasonOf(documentBy(rsa), { intermediates: [forged], known: { ...known, isSignedBy } });
  expect(outcome()).toBe('document_chain');
  expect(outcome(() => true)).toMatchObject({ nonce: 'nonce' });
});

/** A good document that says this instead. */
const saying = (changes: object): Uint8Array =>
  documentBy(rsa, { content: JSON.stringify({ ...SAID, ...changes }) });
const refusalOf = (der: Uint8Array, changes: Partial<AttestedDocumentChecks> = {}): unknown => {
  try {
    return verifyAttestedDocument(der, { ...checks, ...changes });
  } catch (error) {
    return error;
  }
};
const refused = (reason: string, message: unknown, more: object = {}) =>
  expect.objectContaining({ code: 'access_denied', reason, message, ...more });
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

test('what a good document says is given, ids in lower case', () => {
  const subscriptionId = '00000000-0000-4000-8000-00000000000B';
  const { path, ...said } = verifyAttestedDocument(
    saying({ vmId: VM.toUpperCase(), subscriptionId }),
    { ...checks, nonce: 'nonce' },
  );
  expect(said).toEqual({
    nonce: 'nonce',
    vmId: VM,
    subscriptionId: subscriptionId.toLowerCase(),
    createdOn: NOON,
    expiresOn: later(6 * 3600),
  });
  expect(path).toHaveLength(3);
});

describe('is malformed', () => {
  const CONTENT = "the attested document can not be read: its content's ";
  const TIMES = 'the attested document can not be read: its times are no times';
  test.each<[string, Uint8Array, unknown]>([
    ['as no PKCS#7', Buffer.from('x'), expect.stringMatching('^the attested document can not be')],
    ['with no JSON', documentBy(rsa, { content: '{' }), `${CONTENT}text is not as expected`],
    ['with a vmId that is none', saying({ vmId: 'x' }), `${CONTENT}vmId is not as expected`],
    [
      'with a nonce of 65 characters',
      saying({ nonce: 'x'.repeat(65) }),
      `${CONTENT}nonce is not as expected`,
    ],
    [
      'without its times',
      saying({ timeStamp: {} }),
      `${CONTENT}timeStamp.createdOn is not as expected`,
    ],
    ...[
      '13/20/26 12:00:00 -0000',
      '00/20/26 12:00:00 -0000',
      '11/31/26 12:00:00 -0000',
      '02/29/26 12:00:00 -0000',
      '11/20/26 24:00:00 -0000',
      '11/20/26 12:60:00 -0000',
      '11/20/26 12:00:60 -0000',
      '11/20/26 12:00:00 +0100',
      ' 11/20/26 12:00:00 -0000',
      '11/20/26 12:00:00 -0000 ',
      '',
    ].map((createdOn): [string, Uint8Array, unknown] => [
      `with the time "${createdOn}"`,
      saying({ timeStamp: { ...SAID.timeStamp, createdOn } }),
      TIMES,
    ]),
  ])('%s', (_, document, message) => {
    expect(refusalOf(document)).toEqual(refused('document_malformed', message));
  });

  test('but an error of our own stays what it is', () => {
    const error = new TypeError('ours');
    const fail = () => {
      throw error;
    };
    const known = { ...createKnownCertificates(), parse: fail };
    expect(refusalOf(documentBy(rsa), { known })).toBe(error);
  });
});

test('is denied with another nonce than that of the request', () => {
  expect(refusalOf(documentBy(rsa), { nonce: 'Nonce' })).toEqual(
    refused('document_nonce', 'the document was not made for this request'),
  );
});

describe('counts for five minutes, and a minute more for clocks:', () => {
  const times = (createdOn: string, expiresOn: string) =>
    saying({
      timeStamp: {
        createdOn: `11/20/26 ${createdOn} -0000`,
        expiresOn: `11/20/26 ${expiresOn} -0000`,
      },
    });
  test.each<[string, Uint8Array, number, string | undefined]>([
    ['not before', documentBy(rsa), -61, 'was created in the future'],
    ['from a minute before', documentBy(rsa), -60, undefined],
    ['until six minutes after', documentBy(rsa), 360, undefined],
    ['not after', documentBy(rsa), 361, 'is older than five minutes'],
    ['to its own end', times('12:00:00', '12:01:00'), 120, undefined],
    ['not beyond its own end', times('12:00:00', '12:01:00'), 121, 'has expired'],
    [
      'not at all without a life',
      times('12:00:00', '12:00:00'),
      0,
      'expires before it was created',
    ],
  ])('%s', (_, document, seconds, problem) => {
    const outcome = refusalOf(document, { at: later(seconds) });
    if (problem === undefined) expect(outcome).toMatchObject({ vmId: VM });
    else expect(outcome).toEqual(refused('document_times', `the document ${problem}`));
  });
});

describe('its signer is for the cloud', () => {
  const DOMAINS = ['metadata.azure.us', 'metadata.azure.com'];
  test.each([
    ['by the very name', ['metadata.azure.com']],
    ['by a name below it, in any case', ['Eastus.METADATA.azure.com']],
    ['by one of its names', ['example.com', 'a.b.metadata.azure.com']],
  ])('%s', (_, dnsNames) => {
    expect(refusalOf(documentBy(rsa, { dnsNames }), { domains: DOMAINS })).toMatchObject({
      vmId: VM,
    });
  });

  test.each([
    'xmetadata.azure.com',
    'metadata.azure.com.example',
    'azure.com',
    '.metadata.azure.com',
    '*.metadata.azure.com',
    '-a.metadata.azure.com',
    'a-.metadata.azure.com',
    'a..metadata.azure.com',
    'eastus.metadata.azure.com.',
    `${'a'.repeat(64)}.metadata.azure.com`,
    'a b.metadata.azure.com',
  ])('and not by %j', (name) => {
    const document = documentBy(rsa, { dnsNames: [name] });
    const message = "the document's signer is not metadata.azure.us or metadata.azure.com";
    expect(refusalOf(document, { domains: DOMAINS })).toEqual(refused('document_name', message));
  });

  test('before the chain is looked at: what it claims is told in between', () => {
    const claims: unknown[] = [];
    const stranger = createRoot('Root', newAuthorityKey(), NOON);
    const checked = { roots: [stranger.certificate], onClaims: (one: unknown) => claims.push(one) };
    expect(refusalOf(documentBy(rsa), { ...checked, domains: ['x'] })).toMatchObject({
      reason: 'document_name',
    });
    expect(claims).toEqual([]);
    expect(refusalOf(documentBy(rsa), checked)).toMatchObject({ reason: 'document_chain' });
    expect(claims).toEqual([expect.objectContaining({ vmId: VM })]);
    const refusal = denied('rule_mismatch', 'nobody');
    const onClaims = () => {
      throw refusal;
    };
    expect(refusalOf(documentBy(rsa), { onClaims })).toBe(refusal);
  });
});

describe('its chain', () => {
  test.each([undefined, createKnownCertificates()])(
    'can hold nothing that is no certificate',
    (known) => {
      expect(refusalOf(documentBy(rsa), { intermediates: [Buffer.from('x')], known })).toEqual(
        refused('document_chain', expect.stringMatching('^an intermediate can not be read: .')),
      );
    },
  );

  test('that leads to no root may do so with newer ones, and that is forged does not', () => {
    const stranger = createRoot('Other', newAuthorityKey(), NOON);
    const message = (problem: string) => `the document's signer is not trusted: ${problem}`;
    expect(refusalOf(documentBy(rsa), { roots: [stranger.certificate] })).toEqual(
      refused('document_chain', message('no certificate of its issuer is known'), {
        newerMayHelp: true,
      }),
    );
    const long = Array.from({ length: 7 }, () => issuing.certificate);
    expect(refusalOf(documentBy(rsa), { intermediates: long })).toEqual(
      refused('document_chain', message('too many intermediates'), { newerMayHelp: false }),
    );
  });

  test('ends in a pinned root, or in another one', () => {
    const document = documentBy(rsa);
    const { path } = verifyAttestedDocument(document, checks);
    expect(endsInPinned(path, [root.certificate])).toBe(true);
    expect(endsInPinned(path, [issuing.certificate, root.certificate])).toBe(true);
    expect(endsInPinned(path, [issuing.certificate])).toBe(false);
    expect(endsInPinned([], [root.certificate])).toBe(false);
    const added = path.slice(-1);
    const other = verifyAttestedDocument(document, { ...checks, roots: [], added });
    expect(other.path.map(({ der }) => der)).toEqual(path.map(({ der }) => der));
  });
});
