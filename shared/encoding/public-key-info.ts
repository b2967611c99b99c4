/** SubjectPublicKeyInfo (RFC 5280, RFC 5480, RFC 8410) of the kinds of key that are accepted anywhere here. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { DerError, DerReader, decodeBitString, decodeDer, decodeOid, TAG } from './der-decode.ts';
import { OID } from './oids.ts';
import { encodePem } from './pem.ts';

/** A public key by its parts. `der` is the whole structure, in the one form that each kind has. */
export type PublicKeyInfo =
  /** Unsigned big-endian numbers without leading zeros. */
  | {
      readonly kind: 'rsa';
      readonly der: Uint8Array;
      readonly modulus: Uint8Array;
      readonly exponent: Uint8Array;
    }
  /** An uncompressed point; whether it lies on the curve is for whoever makes a key of it. */
  | {
      readonly kind: 'ec';
      readonly der: Uint8Array;
      readonly curve: EcCurve;
      readonly point: Uint8Array;
    }
  | { readonly kind: 'ed25519'; readonly der: Uint8Array; readonly key: Uint8Array };

export type EcCurve = 'P-256' | 'P-384';

const CURVES: Readonly<Record<string, { readonly curve: EcCurve; readonly size: number }>> = {
  [OID.prime256v1]: { curve: 'P-256', size: 32 },
  [OID.secp384r1]: { curve: 'P-384', size: 48 },
};

/** Reads a key. Throws `DerError`, for kinds that are not accepted too. */
export function parsePublicKeyInfo(der: Uint8Array): PublicKeyInfo {
  const reader = new DerReader(decodeDer(der, TAG.sequence).content);
  const algorithm = reader.enter(TAG.sequence);
  const bits = decodeBitString(reader.read(TAG.bitString));
  reader.end();
  const id = decodeOid(algorithm.read(TAG.oid));
  if (id === OID.rsaEncryption) {
    algorithm.read(TAG.null);
    algorithm.end();
    return { kind: 'rsa', der, ...parseRsaNumbers(bits) };
  }
  if (id === OID.ecPublicKey) {
    const named = CURVES[decodeOid(algorithm.read(TAG.oid))];
    algorithm.end();
    if (!named) throw new DerError('the curve is not accepted');
    if (bits[0] !== 4 || bits.length !== 1 + 2 * named.size)
      throw new DerError('not an uncompressed point');
    return { kind: 'ec', der, curve: named.curve, point: bits };
  }
  if (id !== OID.ed25519) throw new DerError('the kind of key is not accepted');
  algorithm.end();
  if (bits.length !== 32) throw new DerError('not an Ed25519 key');
  return { kind: 'ed25519', der, key: bits };
}

/** The key that verifies signatures. Throws where a point is not on its curve. Node reads PEM in half the time of DER. */
export const verifyingKey = ({ der }: PublicKeyInfo): KeyObject =>
  createPublicKey(encodePem('PUBLIC KEY', der));

/** RSA of 2048 to 4096 bits with exponent 65537, or P-256 or P-384: bounded work, no toy keys (rule 4). */
export function isStrong(key: PublicKeyInfo): boolean {
  if (key.kind !== 'rsa') return key.kind === 'ec';
  const bits = key.modulus.length * 8 - Math.clz32(key.modulus[0] ?? 0) + 24;
  return bits >= 2048 && bits <= 4096 && Buffer.from(key.exponent).toString('hex') === '010001';
}

function parseRsaNumbers(bits: Uint8Array): { modulus: Uint8Array; exponent: Uint8Array } {
  const numbers = new DerReader(decodeDer(bits, TAG.sequence).content);
  const modulus = positive(numbers.read(TAG.integer).content);
  const exponent = positive(numbers.read(TAG.integer).content);
  numbers.end();
  return { modulus, exponent };
}

/** A positive INTEGER in its minimal form, without the zero that keeps it positive. */
function positive(bytes: Uint8Array): Uint8Array {
  const [first = 0, second = 0] = bytes;
  if (first >= 0x80 || (first === 0 && second < 0x80)) throw new DerError('not a positive INTEGER');
  return first === 0 ? bytes.subarray(1) : bytes;
}
