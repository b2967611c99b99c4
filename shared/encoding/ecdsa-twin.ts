/**
 * The other signature of an ECDSA certificate. Where (r, s) is good, so is (r, n - s) (SEC 1, section 4.1.4): the same
 * certificate has two encodings that verify, and two hashes.
 */
import type { Certificate } from './certificate.ts';
import { DerError, DerReader, decodeDer, decodeIntegerBytes, TAG } from './der-decode.ts';
import { bitString, oid, sequence, unsignedInteger } from './der-encode.ts';
import { CERTIFICATE_SIGNATURES } from './signature-algorithms.ts';

/** The orders of P-256 and P-384 (FIPS 186-5, SP 800-186 section 3.2.1): which one signed, the certificate does not say. */
const ORDERS = [
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
] as const;

/** DER of the certificate with the other signature, for each curve that may have made it; none where it isn't ECDSA. */
export function twinsOf({
  toBeSigned,
  signatureAlgorithm,
  signature,
}: Pick<Certificate, 'toBeSigned' | 'signatureAlgorithm' | 'signature'>): readonly Uint8Array[] {
  if (CERTIFICATE_SIGNATURES[signatureAlgorithm]?.key !== 'ec') return [];
  const numbers = readNumbers(signature);
  if (!numbers) return [];
  return ORDERS.filter((order) => numbers.s > 0n && numbers.s < order).map((order) =>
    sequence(
      toBeSigned,
      sequence(oid(signatureAlgorithm)),
      bitString(sequence(unsignedInteger(numbers.r), unsignedInteger(bytesOf(order - numbers.s)))),
    ),
  );
}

function readNumbers(signature: Uint8Array): { r: Uint8Array; s: bigint } | undefined {
  try {
    const numbers = new DerReader(decodeDer(signature, TAG.sequence).content);
    const r = decodeIntegerBytes(numbers.read(TAG.integer));
    const s = decodeIntegerBytes(numbers.read(TAG.integer));
    numbers.end();
    return { r, s: BigInt(`0x${Buffer.from(s).toString('hex')}`) };
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function bytesOf(value: bigint): Uint8Array {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}
