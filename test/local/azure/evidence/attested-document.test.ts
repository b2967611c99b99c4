import { createHash, verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { AttestedDocument } from '../../../../local/azure/evidence/attested-document.ts';
import { decodeOid, decodeTime } from '../../../../shared/encoding/der-decode.ts';
import { beside } from '../../../beside.ts';
import { hasOpenssl, keys, newCloud, openssl, smallCloud } from '../fixture.ts';
import { at, type DerTree, derTree } from './der-tree.ts';

interface SignerSeen {
  readonly issuer: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly digest: string;
  readonly attributes: DerTree | undefined;
  readonly signature: Uint8Array;
}

/** What stands in a document, without any judgement. */
function open({ signature }: Pick<AttestedDocument, 'signature'>) {
  const signedData = at(derTree(Buffer.from(signature, 'base64')), 1, 0);
  const [, digests, content, certificates, signers] = signedData.children;
  if (!digests || !content || !certificates || !signers) throw new Error('not the usual shape');
  return {
    digests: digests.children.map((algorithm) => decodeOid(at(algorithm, 0))),
    content: Buffer.from(at(content, 1, 0).content),
    certificates: certificates.children.map(({ bytes }) => bytes),
    signers: signers.children.map((info): SignerSeen => {
      const attributes = info.children.find(({ tag }) => tag === 0xa0);
      const signature = info.children.at(-1);
      return {
        issuer: at(info, 1, 0).bytes,
        serialNumber: at(info, 1, 1).content,
        digest: decodeOid(at(info, 2, 0)),
        attributes,
        signature: signature?.content ?? Buffer.of(),
      };
    }),
  };
}

const SHA256_WITH_RSA = '1.2.840.113549.1.1.11';
const textOf = (document: AttestedDocument): string => open(document).content.toString('utf8');

describe('the usual document', () => {
  const { cloud, subscription, systemVm } = smallCloud();
  const document = systemVm.attestedDocument({ nonce: 'abc' });
  const leaf = cloud.signingChain().leaf('eastus');

  test("has Azure's content, member by member", () => {
    expect(document.encoding).toBe('pkcs7');
    expect(textOf(document)).toBe(
      `{"licenseType":"","nonce":"abc","plan":{"name":"","product":"","publisher":""},"sku":"","subscriptionId":"${subscription.id}","timeStamp":{"createdOn":"11/20/26 19:05:00 -0000","expiresOn":"11/21/26 01:05:00 -0000"},"vmId":"${systemVm.vmId}"}`,
    );
  });

  test('carries its own expiry as nonce where none was given', () => {
    expect(JSON.parse(textOf(systemVm.attestedDocument()))).toMatchObject({
      nonce: '20261121-010500',
      timeStamp: { expiresOn: '11/21/26 01:05:00 -0000' },
    });
  });

  test('has one certificate and one signer, who signs the content itself', () => {
    const { digests, content, certificates, signers } = open(document);
    const [signer] = signers;
    expect(digests).toEqual([SHA256_WITH_RSA]);
    expect(certificates.map(Buffer.from)).toEqual([Buffer.from(leaf.certificate)]);
    expect(signers).toHaveLength(1);
    expect(signer?.digest).toBe(SHA256_WITH_RSA);
    expect(signer?.attributes).toBeUndefined();
    expect(signer && Buffer.from(signer.serialNumber)).toEqual(leaf.serialNumber);
    const { publicKey } = new X509Certificate(leaf.certificate);
    expect(verify('sha256', content, publicKey, signer?.signature ?? Buffer.of())).toBe(true);
  });
});

const { here, folder: SAMPLES, names } = beside('samples/attested/');

describe.skipIf(!here || !hasOpenssl)('beside a genuine document of 2026', () => {
  const genuine = names.find((name) => /^2026-07-28_real_.*\.b64$/.test(name)) ?? '';
  const text = here ? readFileSync(new URL(genuine, SAMPLES), 'utf8') : '';
  const signature = text.replaceAll(/\s/g, '');

  test('every tag, identifier and extension is the same, with RSA authorities as Azure has them', () => {
    const short = { keyPair: (purpose: string) => keys.keyPair(purpose) };
    const { systemVm } = smallCloud({ chain: 'rsa', keys: short });
    const seen = outline(systemVm.attestedDocument());
    expect(seen).toContain('depth 9: OBJECT X509v3 Subject Alternative Name');
    expect(seen).toEqual(outline({ signature }));
  });

  test('with EC authorities only the algorithm of the signature on the leaf differs', () => {
    const { systemVm } = smallCloud();
    const ecdsa = (line: string) => !/ecdsa|sha384|depth 6: NULL|depth 7: NULL/.test(line);
    expect(outline(systemVm.attestedDocument()).filter(ecdsa)).toEqual(
      outline({ signature }).filter(ecdsa),
    );
  });
});

/** Depth, tag and OID of every element as OpenSSL reads them, those inside of the leaf's extensions too. */
function outline({ signature }: Pick<AttestedDocument, 'signature'>): string[] {
  const der = Buffer.from(signature, 'base64');
  const [certificate = Buffer.of()] = open({ signature }).certificates;
  const extensions = at(derTree(certificate), 0).children.at(-1);
  const values = extensions?.children[0]?.children.map(({ children }) => children.at(-1)) ?? [];
  return [der, ...values.map((value) => value?.content ?? Buffer.of())].flatMap((bytes) =>
    openssl(['asn1parse', '-inform', 'DER', '-in', '@der'], { der: bytes })
      .trim()
      .split('\n')
      .map(outlineOf),
  );
}

function outlineOf(line: string): string {
  const [, depth, tag, value = ''] =
    /d=(\d+) .*(?:prim|cons): (.*?)\s*(?::(.*))?$/.exec(line) ?? [];
  const shown = tag?.trim() === 'OBJECT' ? value : '';
  // The number of a certificate template is the authority's own.
  return `depth ${depth}: ${tag?.trim().replace(/\s*\[HEX DUMP\]$/, '')} ${shown.replace(/^(1\.3\.6\.1\.4\.1\.311\.21\.8)\..*/, '$1')}`.trim();
}

describe('each bend changes what it names', () => {
  const { cloud, systemVm } = smallCloud();
  const usual = cloud.signingChain().leaf('eastus');
  const stranger = cloud.signingChain({ root: 'unknown' });
  const leafKeyOf = (certificate: Uint8Array | undefined) =>
    new X509Certificate(certificate ?? Buffer.of()).publicKey;
  const isSigned = (document: AttestedDocument, digest = 'sha256'): boolean => {
    const { content, certificates, signers } = open(document);
    return verify(
      digest,
      content,
      leafKeyOf(certificates[0]),
      signers[0]?.signature ?? Buffer.of(),
    );
  };

  test('times', () => {
    const createdOn = new Date('2026-01-02T03:04:05Z');
    expect(JSON.parse(textOf(systemVm.attestedDocument({ createdOn }))).timeStamp).toEqual({
      createdOn: '01/02/26 03:04:05 -0000',
      expiresOn: '01/02/26 09:04:05 -0000',
    });
    const backwards = systemVm.attestedDocument({ createdOn, expiresOn: new Date(0) });
    expect(JSON.parse(textOf(backwards)).timeStamp.expiresOn).toBe('01/01/70 00:00:00 -0000');
    expect(isSigned(backwards)).toBe(true);
  });

  test('members of the content, which stays signed', () => {
    const document = systemVm.attestedDocument({ content: { vmId: 'another', nonce: null } });
    expect(JSON.parse(textOf(document))).toMatchObject({ vmId: 'another', sku: '' });
    expect(JSON.parse(textOf(document))).not.toHaveProperty('nonce');
    expect(isSigned(document)).toBe(true);
  });

  test('the content after it was signed', () => {
    const changedContent = (text: string) => text.replace('"sku":""', '"sku":"x"');
    const document = systemVm.attestedDocument({ changedContent });
    expect(JSON.parse(textOf(document)).sku).toBe('x');
    expect(isSigned(document)).toBe(false);
  });

  test('one bit of the signature', () => {
    const document = systemVm.attestedDocument({ nonce: 'n', changedSignature: true });
    expect(isSigned(document)).toBe(false);
    expect(textOf(document)).toBe(textOf(systemVm.attestedDocument({ nonce: 'n' })));
  });

  test('the signer', () => {
    const document = systemVm.attestedDocument({ chain: stranger });
    expect(open(document).certificates).toEqual(
      [stranger.leaf('eastus').certificate].map(Buffer.from),
    );
    expect(isSigned(document)).toBe(true);
  });

  test('a second signer, with its certificate', () => {
    const { certificates, signers } = open(systemVm.attestedDocument({ secondSigner: stranger }));
    expect(certificates).toHaveLength(2);
    expect(
      new Set(signers.map(({ serialNumber }) => Buffer.from(serialNumber).toString('hex'))).size,
    ).toBe(2);
    const twice = open(systemVm.attestedDocument({ secondSigner: cloud.signingChain() }));
    expect([twice.certificates.length, twice.signers.length]).toEqual([1, 2]);
  });

  test('no signer', () => {
    const { certificates, signers } = open(systemVm.attestedDocument({ noSigner: true }));
    expect([certificates.length, signers.length]).toEqual([1, 0]);
  });

  test('a signer named as somebody else', () => {
    const document = systemVm.attestedDocument({
      chain: stranger,
      signerNamedAs: cloud.signingChain(),
    });
    expect(Buffer.from(open(document).signers[0]?.serialNumber ?? [])).toEqual(usual.serialNumber);
    expect(isSigned(document)).toBe(true);
  });

  test('further certificates, in either order', () => {
    const extra = [usual.certificate];
    const own = stranger.leaf('eastus').certificate;
    const before = systemVm.attestedDocument({ chain: stranger, certificatesBefore: extra });
    const after = systemVm.attestedDocument({ chain: stranger, certificatesAfter: extra });
    expect(open(before).certificates).toEqual([usual.certificate, own].map(Buffer.from));
    expect(open(after).certificates).toEqual([own, usual.certificate].map(Buffer.from));
  });

  test.for([
    ['md5', '1.2.840.113549.2.5'],
    ['sha1', '1.3.14.3.2.26'],
    ['sha256', '2.16.840.1.101.3.4.2.1'],
  ] as const)('the digest %s, by its own name', ([digest, oid]) => {
    const document = systemVm.attestedDocument({ digest });
    const { digests, signers } = open(document);
    expect([digests, signers.map((signer) => signer.digest)]).toEqual([[oid], [oid]]);
    expect(isSigned(document, digest)).toBe(true);
  });

  test('signed attributes, over which the signature then is', () => {
    const signingTime = new Date('2020-01-01T00:00:00Z');
    const { content, certificates, signers } = open(systemVm.attestedDocument({ signingTime }));
    const { attributes, signature } = signers[0] ?? {};
    if (!attributes || !signature) throw new Error('no signed attributes');
    const values = new Map(
      attributes.children.map((one) => [decodeOid(at(one, 0)), at(one, 1, 0)]),
    );
    const time = values.get('1.2.840.113549.1.9.5');
    expect(time && decodeTime(time)).toEqual(signingTime);
    const digest = createHash('sha256').update(content).digest();
    expect(Buffer.from(values.get('1.2.840.113549.1.9.4')?.content ?? [])).toEqual(digest);
    const message = Buffer.from(attributes.bytes);
    message[0] = 0x31;
    expect(verify('sha256', message, leafKeyOf(certificates[0]), signature)).toBe(true);
  });

  test('its end: truncated, one byte too many', () => {
    const der = (options: object) =>
      Buffer.from(systemVm.attestedDocument({ nonce: 'n', ...options }).signature, 'base64');
    const whole = der({});
    expect(der({ truncatedBy: 7 })).toEqual(whole.subarray(0, -7));
    expect(der({ trailingByte: true })).toEqual(Buffer.concat([whole, Buffer.of(0)]));
  });

  test.skipIf(!hasOpenssl)('its lengths: indefinite, and the same for a reader of BER', () => {
    const bent = systemVm.attestedDocument({ nonce: 'n', indefiniteLengths: true });
    const der = Buffer.from(bent.signature, 'base64');
    expect(der.subarray(0, 2)).toEqual(Buffer.of(0x30, 0x80));
    const certificates = openssl(['pkcs7', '-inform', 'DER', '-print_certs', '-in', '@der'], {
      der,
    });
    expect(certificates).toContain('CN = metadata.azure.com');
    expect(() => open(bent)).toThrow('indefinite');
  });
});

test('documents of different clouds are signed under different roots', () => {
  const [one, other] = [newCloud(), newCloud()];
  expect(one.profile.trust_anchors).not.toBe(other.profile.trust_anchors);
  expect(one.profile.attested_domains).toEqual(['metadata.azure.com']);
});
