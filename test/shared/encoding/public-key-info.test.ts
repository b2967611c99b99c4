import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DerError } from '../../../shared/encoding/der-decode.ts';
import {
  bitString,
  nullValue,
  oid,
  sequence,
  smallInteger,
  unsignedInteger,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import {
  isStrong,
  parsePublicKeyInfo,
  verifyingKey,
} from '../../../shared/encoding/public-key-info.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';

const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const ec = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve }).publicKey;
const rsa = createPublicKey(sharedRsaKeys().keyPair('stranger').privateKey);
const jwkBytes = (key: KeyObject, member: 'n' | 'e' | 'x' | 'y'): Buffer =>
  Buffer.from(key.export({ format: 'jwk' })[member] ?? '', 'base64url');

describe('the parts of a key', () => {
  test.each(['P-256', 'P-384'] as const)('%s', (curve) => {
    const key = ec(curve);
    const info = parsePublicKeyInfo(spki(key));
    const point = Buffer.concat([Buffer.of(4), jwkBytes(key, 'x'), jwkBytes(key, 'y')]);
    expect(info).toEqual({ kind: 'ec', der: spki(key), curve, point });
    expect(spki(verifyingKey(info))).toEqual(spki(key));
  });

  test('RSA', () => {
    expect(parsePublicKeyInfo(spki(rsa))).toEqual({
      kind: 'rsa',
      der: spki(rsa),
      modulus: jwkBytes(rsa, 'n'),
      exponent: Buffer.of(1, 0, 1),
    });
  });

  test('Ed25519', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(parsePublicKeyInfo(spki(publicKey))).toEqual({
      kind: 'ed25519',
      der: spki(publicKey),
      key: jwkBytes(publicKey, 'x'),
    });
  });
});

/** An RSA key of these numbers. */
const rsaKey = (modulus: Uint8Array, exponent: Uint8Array, parameters = nullValue()) =>
  sequence(sequence(oid(OID.rsaEncryption), parameters), bitString(sequence(modulus, exponent)));
const bits = (count: number): Buffer => {
  const number = Buffer.alloc(Math.ceil(count / 8), 0xff);
  number[0] = 0xff >> (number.length * 8 - count);
  return number;
};
const e = smallInteger(65_537);

describe('is refused', () => {
  const point = spki(ec('P-256')).subarray(-65);
  const key = (id: string, curve: string, content: Uint8Array) =>
    sequence(sequence(oid(id), oid(curve)), bitString(content));
  const hybrid = Buffer.from(point);
  hybrid[0] = 6;
  const algorithm = sequence(oid(OID.ecPublicKey), oid(OID.prime256v1));
  test.each([
    ['P-521', spki(ec('P-521'))],
    ['secp256k1', spki(ec('secp256k1'))],
    ['X25519', spki(generateKeyPairSync('x25519').publicKey)],
    ['RSA for PSS only', spki(generateKeyPairSync('rsa-pss', { modulusLength: 512 }).publicKey)],
    ['a byte behind it', Buffer.concat([spki(rsa), Buffer.of(0)])],
    ['a compressed point', key(OID.ecPublicKey, OID.prime256v1, point.subarray(0, 33))],
    ['a point of another curve', key(OID.ecPublicKey, OID.secp384r1, point)],
    ['Ed25519 with parameters', key(OID.ed25519, OID.ed25519, point.subarray(0, 32))],
    ['Ed25519 of 31 bytes', sequence(sequence(oid(OID.ed25519)), bitString(Buffer.alloc(31)))],
    ['RSA without NULL', sequence(sequence(oid(OID.rsaEncryption)), bitString(Buffer.of()))],
    ['a negative modulus', rsaKey(Buffer.of(2, 1, 0x80), e)],
    ['a modulus of zero', rsaKey(smallInteger(0), e)],
    ['an exponent that is not minimal', rsaKey(unsignedInteger(bits(2048)), Buffer.of(2, 2, 0, 3))],
    ['a point that is written otherwise', key(OID.ecPublicKey, OID.prime256v1, hybrid)],
    ['something after the key', sequence(algorithm, bitString(point), nullValue())],
    [
      'a second parameter of a curve',
      sequence(sequence(oid(OID.ecPublicKey), oid(OID.prime256v1), nullValue()), bitString(point)),
    ],
    [
      'a second parameter of RSA',
      sequence(
        sequence(oid(OID.rsaEncryption), nullValue(), nullValue()),
        bitString(sequence(unsignedInteger(bits(2048)), e)),
      ),
    ],
    [
      'a third number of RSA',
      sequence(
        sequence(oid(OID.rsaEncryption), nullValue()),
        bitString(sequence(unsignedInteger(bits(2048)), e, e)),
      ),
    ],
  ])('%s', (_, der) => {
    expect(() => parsePublicKeyInfo(der)).toThrow(DerError);
  });
});

test('a number whose first bit is set has one zero before it', () => {
  const modulus = Buffer.concat([Buffer.of(0x80), Buffer.alloc(255, 1)]);
  expect(parsePublicKeyInfo(rsaKey(unsignedInteger(modulus), e))).toMatchObject({ modulus });
});

describe('a strong key', () => {
  test.each([
    [2047, false],
    [2048, true],
    [3072, true],
    [4096, true],
    [4097, false],
  ])('RSA of %i bits: %s', (count, strong) => {
    expect(isStrong(parsePublicKeyInfo(rsaKey(unsignedInteger(bits(count)), e)))).toBe(strong);
  });

  test.each([3, 65_539])('has no exponent %i', (exponent) => {
    const info = parsePublicKeyInfo(rsaKey(unsignedInteger(bits(2048)), smallInteger(exponent)));
    expect(isStrong(info)).toBe(false);
  });

  test('is on P-256 or P-384; Ed25519 signs no certificate', () => {
    expect(isStrong(parsePublicKeyInfo(spki(ec('P-256'))))).toBe(true);
    expect(isStrong(parsePublicKeyInfo(spki(ec('P-384'))))).toBe(true);
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(isStrong(parsePublicKeyInfo(spki(publicKey)))).toBe(false);
  });
});
