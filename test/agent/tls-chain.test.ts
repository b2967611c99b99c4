import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkChain } from '../../agent/tls-chain.ts';
import {
  createIssuing,
  createRoot,
  type IssuingBends,
} from '../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../local/azure/certificates/leaf.ts';
import { randomSerialNumber } from '../../shared/authority/tls-certificate.ts';
import { extension, signed, toBeSigned } from '../../shared/authority/x509.ts';
import { TAG } from '../../shared/encoding/der-decode.ts';
import { element, sequence } from '../../shared/encoding/der-encode.ts';
import { OID } from '../../shared/encoding/oids.ts';
import { START } from './clock.ts';

const root = createRoot('Root', newAuthorityKey(), START);
const roots = [new X509Certificate(root.certificate)];
const LEADS_NOWHERE = 'do not lead to a root of its trust bundle';

/** A leaf with its issuing certificate. */
function chain(bends: IssuingBends = {}, under = root): X509Certificate[] {
  const issuing = createIssuing('Issuing', newAuthorityKey(), under, START, bends);
  const leaf = createLeaf('eastus', newAuthorityKey(), issuing, START);
  return [leaf.certificate, issuing.certificate].map((der) => new X509Certificate(der));
}

test('a chain under a root is good, whichever of the roots it is', () => {
  const other = new X509Certificate(createRoot('Other', newAuthorityKey(), START).certificate);
  expect(() => checkChain(chain(), [other, ...roots], START)).not.toThrow();
});

describe('refuses a chain', () => {
  test.each<[string, IssuingBends]>([
    ['is no authority', { basicConstraints: 'not_ca' }],
    ['does not say that it is an authority', { basicConstraints: 'absent' }],
    ['may not sign certificates', { noKeyCertSign: true }],
  ])('whose issuer %s, although it signed the leaf', (_, bends) => {
    expect(() => checkChain(chain(bends), roots, START)).toThrow(LEADS_NOWHERE);
  });

  test('under a root of the same name with another key', () => {
    const forged = createRoot('Root', newAuthorityKey(), START);
    expect(() => checkChain(chain({}, forged), roots, START)).toThrow(
      expect.objectContaining({
        code: 'untrusted',
        message: 'the certificates from the broker do not lead to a root of its trust bundle',
      }),
    );
  });

  test('whose leaf another issuer of the same name signed', () => {
    const [leaf] = chain();
    const [, issuing] = chain();
    const mixed = [leaf, issuing].filter((one) => one !== undefined);
    expect(() => checkChain(mixed, roots, START)).toThrow(LEADS_NOWHERE);
  });

  test.each([0, 1])('in which the signature of certificate %i is not right', (at) => {
    const forged = chain().map((certificate, i) => {
      const der = Buffer.from(certificate.raw);
      const last = der.length - 1;
      if (i === at) der[last] = (der[last] ?? 0) ^ 1;
      return new X509Certificate(der);
    });
    expect(() => checkChain(forged, roots, START)).toThrow(LEADS_NOWHERE);
  });

  test("under a certificate of the root's key with another name", () => {
    const renamed = createRoot('Renamed', root.key, START);
    const other = [new X509Certificate(renamed.certificate)];
    expect(() => checkChain(chain(), other, START)).toThrow(LEADS_NOWHERE);
  });

  test('in which one stands that did not sign the one before it', () => {
    const [leaf, issuing] = chain();
    const [, stranger] = chain();
    const mixed = [leaf, stranger, issuing].filter((one) => one !== undefined);
    expect(() => checkChain(mixed, roots, START)).toThrow(LEADS_NOWHERE);
  });

  test('with one authority more than the last one has room for', () => {
    const issuing = createIssuing('Issuing', newAuthorityKey(), root, START);
    const below = createIssuing('Below', newAuthorityKey(), issuing, START);
    const leaf = createLeaf('eastus', newAuthorityKey(), below, START);
    const [end, ...authorities] = [leaf, below, issuing].map(
      ({ certificate }) => new X509Certificate(certificate),
    );
    if (!end) throw new Error('no leaf');
    expect(() => checkChain([end, ...authorities], roots, START)).toThrow(LEADS_NOWHERE);
    // An authority at the end is one, too; and one that is pinned is held to its word like any other.
    expect(() => checkChain(authorities, roots, START)).toThrow(LEADS_NOWHERE);
    const pinned = authorities.slice(1);
    expect(() => checkChain([end, ...authorities.slice(0, 1)], pinned, START)).toThrow(
      LEADS_NOWHERE,
    );
    expect(() => checkChain(pinned, roots, START)).not.toThrow();
  });

  test('whose issuer OpenSSL reads, and we do not: its path length is not known', () => {
    const key = newAuthorityKey();
    const issuing = createIssuing('Issuing', key, root, START);
    const leaf = createLeaf('eastus', newAuthorityKey(), issuing, START);
    // In DER a BOOLEAN that is true has all bits set.
    const lax = sequence(element(TAG.boolean, Buffer.of(1)));
    const tbs = toBeSigned({
      serialNumber: randomSerialNumber(),
      signatureAlgorithm: 'ecdsaWithSHA256',
      issuer: root.name,
      subject: issuing.name,
      notBefore: START,
      notAfter: new Date(START.getTime() + 3600_000),
      publicKeyInfo: key.publicKeyInfo,
      extensions: [extension(OID.basicConstraints, true, lax)],
    });
    const issuer = signed(tbs, 'ecdsaWithSHA256', root.key.sign('sha256', tbs));
    const certificates = [leaf.certificate, issuer].map((der) => new X509Certificate(der));
    expect(certificates[1]?.ca).toBe(true);
    expect(() => checkChain(certificates, certificates.slice(1), START)).toThrow(LEADS_NOWHERE);
    expect(() => checkChain(certificates, roots, START)).toThrow(LEADS_NOWHERE);
  });

  test('that ends below a root, although the root signed what stands before', () => {
    const [leaf, issuing] = chain();
    const mixed = [issuing, leaf].filter((one) => one !== undefined);
    expect(() => checkChain(mixed, roots, START)).toThrow(LEADS_NOWHERE);
  });

  test('in which anything is not valid now, with five minutes for clocks', () => {
    const [leaf, ...rest] = chain();
    if (!leaf) throw new Error('no leaf');
    const at = (text: string, ms: number) => new Date(Date.parse(text) + ms);
    for (const [good, bad] of [
      [at(leaf.validTo, 300_000), at(leaf.validTo, 300_001)],
      [at(leaf.validFrom, -300_000), at(leaf.validFrom, -300_001)],
    ] as const) {
      expect(() => checkChain([leaf, ...rest], roots, good)).not.toThrow();
      expect(() => checkChain([leaf, ...rest], roots, bad)).toThrow(
        expect.objectContaining({
          code: 'untrusted',
          message: expect.stringContaining('set the clock'),
        }),
      );
    }
  });
});
