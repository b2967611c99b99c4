/** PKCS#10 certification requests (RFC 2986). Only the public key is taken from one (rule 11). */
import { verify } from 'node:crypto';
import {
  contextTag,
  DerError,
  DerReader,
  decodeBitString,
  decodeDer,
  decodeSmallInteger,
  TAG,
} from './der-decode.ts';
import { type PublicKeyInfo, parsePublicKeyInfo, verifyingKey } from './public-key-info.ts';
import { decodeSignatureAlgorithm, REQUEST_SIGNATURES } from './signature-algorithms.ts';

export interface CertificationRequest {
  readonly publicKey: PublicKeyInfo;
  /** Whether the request is signed with its key's private part: proof of possession. */
  verifySignature(): boolean;
}

/** Reads a request. Its subject and attributes are not even looked at. Throws `DerError`. */
export function parseCertificationRequest(der: Uint8Array): CertificationRequest {
  const outer = new DerReader(decodeDer(der, TAG.sequence).content);
  const info = outer.read(TAG.sequence);
  const algorithm = outer.read(TAG.sequence);
  const signature = decodeBitString(outer.read(TAG.bitString));
  outer.end();

  const reader = new DerReader(info.content);
  if (decodeSmallInteger(reader.read(TAG.integer)) !== 0)
    throw new DerError('not a version 1 request');
  reader.read(TAG.sequence);
  const publicKeyInfo = reader.read(TAG.sequence).bytes;
  reader.optional(contextTag(0));
  reader.end();

  const publicKey = parsePublicKeyInfo(publicKeyInfo);
  const scheme = REQUEST_SIGNATURES[decodeSignatureAlgorithm(algorithm)];
  if (!scheme) throw new DerError('signature algorithm is not accepted');
  return {
    publicKey,
    verifySignature() {
      if (publicKey.kind !== scheme.key) return false;
      try {
        return verify(scheme.hash, info.bytes, verifyingKey(publicKey), signature);
      } catch {
        // A point that is not on its curve has no private key.
        return false;
      }
    },
  };
}
