import { describe, expect, test } from 'vitest';
import { createIssuing, createRoot } from '../../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../../../local/azure/certificates/leaf.ts';
import { createKnownCertificates } from '../../../../shared/attestation/azure/known-certificates.ts';
import { type Certificate, parseCertificate } from '../../../../shared/encoding/certificate.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const root = createRoot('Root', newAuthorityKey(), NOON);
const issuing = createIssuing('Issuing', newAuthorityKey(), root, NOON);
const signer = createLeaf('eastus', newAuthorityKey(), issuing, NOON);
const DERS = [signer, issuing, root].map(({ certificate }) => certificate);

const path = (): Certificate[] => DERS.map((der) => parseCertificate(der));
const [SIGNER, ISSUING, ROOT] = DERS as [Uint8Array, Uint8Array, Uint8Array];

function watched() {
  const lookups: string[] = [];
  const known = createKnownCertificates((result) => lookups.push(result));
  return { known, lookups };
}

test('reads what it does not know, and remembers nothing of it', () => {
  const { known, lookups } = watched();
  const read = known.parse(SIGNER);
  expect(read).toEqual(parseCertificate(SIGNER));
  expect(known.parse(SIGNER)).not.toBe(read);
  expect(lookups).toEqual(['miss', 'miss']);
});

test('gives what was remembered, for the same bytes wherever they lie', () => {
  const { known, lookups } = watched();
  const remembered = path();
  known.remember(remembered);
  expect(known.parse(Buffer.from(SIGNER))).toBe(remembered[0]);
  expect(known.parse(Buffer.from(ISSUING))).toBe(remembered[1]);
  expect(lookups).toEqual(['hit', 'hit']);
});

test('does not remember the end of a path: roots are read when the broker starts', () => {
  const { known, lookups } = watched();
  known.remember(path());
  known.parse(ROOT);
  expect(lookups).toEqual(['miss']);
});

test('works without anybody who is told', () => {
  expect(createKnownCertificates().parse(ROOT)).toEqual(parseCertificate(ROOT));
});

describe('a signature is known', () => {
  test('of each certificate of a remembered path, by the next one', () => {
    const { known } = watched();
    const [leaf, middle, top] = path() as [Certificate, Certificate, Certificate];
    expect(known.isSignedBy(leaf, middle)).toBe(false);
    known.remember([leaf, middle, top]);
    expect(known.isSignedBy(leaf, middle)).toBe(true);
    expect(known.isSignedBy(middle, top)).toBe(true);
  });

  test('by no other one, and in no other direction', () => {
    const { known } = watched();
    const [leaf, middle, top] = path() as [Certificate, Certificate, Certificate];
    known.remember([leaf, middle, top]);
    for (const [child, issuer] of [
      [leaf, top],
      [leaf, leaf],
      [middle, leaf],
      [top, top],
      [top, middle],
    ] as const)
      expect(known.isSignedBy(child, issuer)).toBe(false);
  });

  test('by each of several issuers of the same name', () => {
    const { known } = watched();
    const [leaf, middle, top] = path() as [Certificate, Certificate, Certificate];
    const [, again] = path() as [Certificate, Certificate];
    known.remember([leaf, middle, top]);
    known.remember([leaf, again, top]);
    expect(known.isSignedBy(leaf, middle)).toBe(true);
    expect(known.isSignedBy(leaf, again)).toBe(true);
  });
});

describe('of more than five hundred', () => {
  /** Made up: nothing but its bytes and the object count here. */
  const numbered = (i: number): Certificate => ({
    ...parseCertificate(ROOT),
    der: Buffer.from(`certificate ${i}`),
  });
  const [, , top] = path() as [Certificate, Certificate, Certificate];

  test('the oldest is forgotten, and only that', () => {
    const { known, lookups } = watched();
    const all = Array.from({ length: 501 }, (_, i) => numbered(i));
    for (const one of all.slice(0, 500)) known.remember([one, top]);
    expect(known.parse(all[0]?.der ?? Buffer.of())).toBe(all[0]);
    known.remember([all[500] as Certificate, top]);
    expect(known.parse(all[1]?.der ?? Buffer.of())).toBe(all[1]);
    expect(known.parse(all[500]?.der ?? Buffer.of())).toBe(all[500]);
    expect(() => known.parse(all[0]?.der ?? Buffer.of())).toThrow();
    expect(lookups).toEqual(['hit', 'hit', 'hit', 'miss']);
  });

  test('none is forgotten for one that is known already', () => {
    const { known } = watched();
    const all = Array.from({ length: 500 }, (_, i) => numbered(i));
    for (const one of all) known.remember([one, top]);
    for (const one of all.slice(3, 6)) known.remember([one, top]);
    expect(all.every((one) => known.parse(one.der) === one)).toBe(true);
  });
});
