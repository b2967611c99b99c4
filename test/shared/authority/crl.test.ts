import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  issueTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { publicKeyInfo } from '../../../shared/authority/x509.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { parseCrl } from '../../../shared/encoding/crl.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';
import { createListMakers } from './list-makers.ts';
import { later, NOON } from './rotation-parts.ts';

const { issuing, issuingCrl, rootCrl } = await createListMakers();

const leafKey = publicKeyInfo(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const leaf = (serialNumber: Uint8Array): Uint8Array =>
  issueTlsCertificate(
    {
      serialNumber,
      commonName: 'example',
      uri: 'spiffe://test.example.org/bot/example/1',
      publicKeyInfo: leafKey,
      notBefore: later(-60),
      notAfter: later(3600),
    },
    issuing,
  );

const crlPem = (der: Uint8Array): string => encodePem('X509 CRL', der);

describe.skipIf(!hasProgram('openssl'))('openssl verify -crl_check_all', () => {
  const serial = randomSerialNumber();
  const check = (certificate: Uint8Array, ...crls: Uint8Array[]) =>
    textOf(
      'openssl',
      [
        ...['verify', '-x509_strict', '-crl_check_all', '-attime', String(NOON.getTime() / 1000)],
        ...['-CAfile', '@root', '-untrusted', '@issuing', '-CRLfile', '@crls', '@leaf'],
      ],
      {
        files: {
          root: encodePem('CERTIFICATE', issuing.root),
          issuing: issuing.pem,
          crls: crls.map(crlPem).join(''),
          leaf: encodePem('CERTIFICATE', certificate),
        },
      },
    );

  test('accepts a chain that nothing is said of', async () => {
    expect(check(leaf(serial), await rootCrl(), await issuingCrl())).toMatch(/leaf: OK\n$/);
  });

  test('refuses a certificate whose serial number is listed, and no other', async () => {
    const lists = [
      await rootCrl(),
      await issuingCrl({ revoked: [{ serialNumber: serial, revoked: NOON }] }),
    ];
    expect(() => check(leaf(serial), ...lists)).toThrow('certificate revoked');
    expect(check(leaf(randomSerialNumber()), ...lists)).toMatch(/OK/);
  });

  test('refuses all that an issuing key has signed, once the root says so', async () => {
    const { serialNumber } = parseCertificate(issuing.certificate);
    const revoked = [{ serialNumber, revoked: NOON, reason: 'cACompromise' as const }];
    const lists = [await rootCrl({ revoked }), await issuingCrl()];
    expect(() => check(leaf(serial), ...lists)).toThrow('certificate revoked');
  });

  test('refuses everybody without the list of each authority, and after a list is over', async () => {
    const root = await rootCrl();
    const own = await issuingCrl();
    const over = await issuingCrl({ thisUpdate: later(-7200), nextUpdate: later(-1) });
    expect(() => check(leaf(serial), root)).toThrow('unable to get certificate CRL');
    expect(() => check(leaf(serial), own)).toThrow('unable to get certificate CRL');
    expect(() => check(leaf(serial), root, over)).toThrow('CRL has expired');
  });

  test('shows number, key identifier and reason', async () => {
    const revoked = [
      { serialNumber: Buffer.from('80ff', 'hex'), revoked: NOON, reason: 'cACompromise' as const },
    ];
    const text = textOf('openssl', ['crl', '-noout', '-text', '-inform', 'DER'], {
      stdin: await issuingCrl({ number: 128, revoked }),
    });
    expect(text).toContain('Serial Number: 80FF');
    expect(text).toContain('CA Compromise');
    expect(text).toMatch(/X509v3 CRL Number: \n\s+128\n/);
    expect(text).toContain('X509v3 Authority Key Identifier');
  });
});

describe('a list that is read', () => {
  test('says a reason where there is one, and nothing where there is none', async () => {
    const one = { serialNumber: Buffer.from('41', 'hex'), revoked: NOON };
    const reason = Buffer.from('300c300a0603551d1504030a0102', 'hex');
    const withReason = await issuingCrl({ revoked: [{ ...one, reason: 'cACompromise' }] });
    expect(Buffer.from(withReason).includes(reason)).toBe(true);
    const without = await issuingCrl({ revoked: [one] });
    expect(Buffer.from(without).includes('0603551d15', 0, 'hex')).toBe(false);
  });

  test('says what was written, whatever it was', async () => {
    const serials = fc.uniqueArray(
      fc.uint8Array({ minLength: 2, maxLength: 20 }).map((bytes) => {
        bytes[0] = (bytes[0] ?? 0) | 1;
        return Buffer.from(bytes).toString('hex');
      }),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(serials, fc.integer({ min: 1, max: 2 ** 48 - 1 }), async (hex, number) => {
        const revoked = hex.map((text, i) => ({
          serialNumber: Buffer.from(text, 'hex'),
          revoked: later(i),
          ...(i % 2 === 0 && { reason: 'cACompromise' as const }),
        }));
        const read = parseCrl(await issuingCrl({ number, revoked }));
        expect(read.number).toBe(number);
        expect([...read.revoked]).toEqual(hex.map((text, i) => [text, later(i)]));
        expect([read.thisUpdate, read.nextUpdate]).toEqual([NOON, later(24 * 3600)]);
        expect(read.issuer).toEqual(Buffer.from(issuing.subject));
      }),
      { numRuns: 30 },
    );
  });

  test('is refused with any byte cut off, added, or a serial number twice', async () => {
    const twice = { serialNumber: Buffer.from('41', 'hex'), revoked: NOON };
    const der = await issuingCrl({ revoked: [twice] });
    for (let end = 0; end < der.length; end += 1)
      expect(() => parseCrl(der.subarray(0, end))).toThrow();
    expect(() => parseCrl(Buffer.concat([der, Buffer.of(0)]))).toThrow();
    const double = await issuingCrl({ revoked: [twice, twice] });
    expect(() => parseCrl(double)).toThrow('a serial number appears twice');
  });

  test('is no certificate, and has a number', async () => {
    expect(() => parseCrl(issuing.certificate)).toThrow();
    await expect(issuingCrl({ number: -1 })).rejects.toThrow();
    await expect(issuingCrl({ number: 2 ** 48 })).rejects.toThrow();
    const zero = await issuingCrl({ number: 0 });
    expect(() => parseCrl(zero)).toThrow('not a CRL number');
  });
});
