/**
 * A working RSA key of 16,384 bits in a moment. A key of two primes that long takes minutes to find, but RSA works with
 * any modulus of different primes (RFC 8017 section 3.2): this one has many short ones. It protects nothing, and nothing
 * but its length tells a verifier so: a chain through it is valid in every other respect.
 */
import { createHash, generatePrimeSync } from 'node:crypto';
import {
  bitString,
  nullValue,
  octetString,
  oid,
  sequence,
  unsignedInteger,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { type CertificateDigest, type CertificateKey, rsaAlgorithm } from './certificate-key.ts';
import { MICROSOFT_OID } from './microsoft-oids.ts';

const BITS = 16_384;
const PRIME_BITS = 512;
const EXPONENT = 65_537n;

const DIGEST_OIDS: Readonly<Record<CertificateDigest, string>> = {
  sha1: MICROSOFT_OID.sha1,
  sha256: OID.sha256,
  sha384: '2.16.840.1.101.3.4.2.2',
};

export function oversizedRsaKey(): CertificateKey {
  const primes = primesOf(BITS);
  const modulus = primes.reduce((product, prime) => product * prime, 1n);
  const publicKey = sequence(unsignedInteger(bytesOf(modulus)), unsignedInteger(bytesOf(EXPONENT)));
  return {
    publicKeyInfo: sequence(sequence(oid(OID.rsaEncryption), nullValue()), bitString(publicKey)),
    algorithm: rsaAlgorithm,
    sign: (digest, message) =>
      bytesOf(privatePower(encodedMessage(digest, message), primes), BITS / 8),
  };
}

/** Different primes whose product has exactly so many bits. */
function primesOf(bits: number): readonly bigint[] {
  const primes: bigint[] = [];
  let product = 1n;
  for (;;) {
    const missing = bits - bitLength(product);
    const last = missing < PRIME_BITS + PRIME_BITS / 2;
    const prime = generatePrimeSync(last ? missing : PRIME_BITS, { bigint: true });
    if (prime % EXPONENT === 1n || primes.includes(prime)) continue;
    if (last && bitLength(product * prime) !== bits) continue;
    primes.push(prime);
    product *= prime;
    if (last) return primes;
  }
}

/** message^d mod the product of the primes, by the Chinese remainder theorem. */
function privatePower(message: bigint, primes: readonly bigint[]): bigint {
  const modulus = primes.reduce((product, prime) => product * prime, 1n);
  const sum = primes.reduce((total, prime) => {
    const exponent = inverse(EXPONENT, prime - 1n);
    const cofactor = modulus / prime;
    const residue = power(message % prime, exponent, prime);
    return total + residue * cofactor * inverse(cofactor % prime, prime);
  }, 0n);
  return sum % modulus;
}

/** EMSA-PKCS1-v1_5 (RFC 8017 section 9.2). */
function encodedMessage(digest: CertificateDigest, message: Uint8Array): bigint {
  const info = sequence(
    sequence(oid(DIGEST_OIDS[digest]), nullValue()),
    octetString(createHash(digest).update(message).digest()),
  );
  const padding = Buffer.alloc(BITS / 8 - 3 - info.length, 0xff);
  return numberOf(Buffer.concat([Buffer.of(0, 1), padding, Buffer.of(0), info]));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The inverse by Euclid's extended algorithm; both must have no common divisor. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [remainder, next] = [modulus, value % modulus];
  let [coefficient, nextCoefficient] = [0n, 1n];
  while (next > 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [coefficient, nextCoefficient] = [nextCoefficient, coefficient - quotient * nextCoefficient];
  }
  return coefficient < 0n ? coefficient + modulus : coefficient;
}

const bitLength = (value: bigint): number => value.toString(2).length;

const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);

function bytesOf(value: bigint, length = 0): Uint8Array {
  const digits = value.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Buffer.from(even.padStart(length * 2, '0'), 'hex');
}
