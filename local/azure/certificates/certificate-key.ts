/** Keys that sign certificates. The kind of key fixes the algorithm; whoever signs chooses only the digest. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { DerReader, decodeBitString, decodeDer, TAG } from '../../../shared/encoding/der-decode.ts';
import { nullValue, oid, sequence } from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { MICROSOFT_OID } from './microsoft-oids.ts';
import type { KeyPair } from './rsa-keys.ts';

export type CertificateDigest = 'sha1' | 'sha256' | 'sha384';

export interface CertificateKey {
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** DER of the AlgorithmIdentifier of this key's signatures. */
  algorithm(digest: CertificateDigest): Uint8Array;
  sign(digest: CertificateDigest, message: Uint8Array): Uint8Array;
}

const EC_ALGORITHMS: Readonly<Record<CertificateDigest, string>> = {
  sha1: MICROSOFT_OID.ecdsaWithSHA1,
  sha256: OID.ecdsaWithSHA256,
  sha384: OID.ecdsaWithSHA384,
};

const RSA_ALGORITHMS: Readonly<Record<CertificateDigest, string>> = {
  sha1: MICROSOFT_OID.sha1WithRSAEncryption,
  sha256: OID.sha256WithRSAEncryption,
  sha384: OID.sha384WithRSAEncryption,
};

export const rsaAlgorithm = (digest: CertificateDigest): Uint8Array =>
  sequence(oid(RSA_ALGORITHMS[digest]), nullValue());

/** A certificate key of an RSA or EC key pair. */
export function certificateKey({ publicKey, privateKey }: KeyPair): CertificateKey {
  const rsa = publicKey.asymmetricKeyType === 'rsa';
  return {
    publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
    algorithm: (digest) => (rsa ? rsaAlgorithm(digest) : sequence(oid(EC_ALGORITHMS[digest]))),
    sign: (digest, message) => sign(digest, message, privateKey),
  };
}

/** A new P-256 key: authorities of the simulation have these, since they are made, and sign, in no time. */
export const newAuthorityKey = (): CertificateKey =>
  certificateKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }));

/** The usual key identifier: SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2). */
export function keyIdentifier({ publicKeyInfo }: CertificateKey): Uint8Array {
  const info = new DerReader(decodeDer(publicKeyInfo, TAG.sequence).content);
  info.read(TAG.sequence);
  return createHash('sha1')
    .update(decodeBitString(info.read(TAG.bitString)))
    .digest();
}
