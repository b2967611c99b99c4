/** Signature algorithms of X.509 structures, by OID: SHA-256 or better, each with the kind of key that fixes it (rule 2). */
import { childrenOf, type DerElement, DerError, decodeOid, TAG } from './der-decode.ts';
import { OID } from './oids.ts';

export interface SignatureAlgorithm {
  readonly key: 'rsa' | 'ec' | 'ed25519';
  /** As `node:crypto` names it; `null` where the algorithm has its own. */
  readonly hash: string | null;
}

/** What certificates of Azure may be signed with. */
export const CERTIFICATE_SIGNATURES: Readonly<Record<string, SignatureAlgorithm>> = {
  [OID.sha256WithRSAEncryption]: { key: 'rsa', hash: 'sha256' },
  [OID.sha384WithRSAEncryption]: { key: 'rsa', hash: 'sha384' },
  [OID.sha512WithRSAEncryption]: { key: 'rsa', hash: 'sha512' },
  [OID.ecdsaWithSHA256]: { key: 'ec', hash: 'sha256' },
  [OID.ecdsaWithSHA384]: { key: 'ec', hash: 'sha384' },
  [OID.ecdsaWithSHA512]: { key: 'ec', hash: 'sha512' },
};

/** What a joiner's certification request may be signed with. */
export const REQUEST_SIGNATURES: Readonly<Record<string, SignatureAlgorithm>> = {
  ...CERTIFICATE_SIGNATURES,
  [OID.ed25519]: { key: 'ed25519', hash: null },
};

/**
 * The OID of an AlgorithmIdentifier. RSA's carry NULL, those of ECDSA and Ed25519 nothing at all (RFC 4055 section 5, RFC
 * 5758 section 3.2, RFC 8410 section 3): parameters can't say anything else. Throws `DerError`.
 */
export function decodeSignatureAlgorithm(algorithm: DerElement): string {
  const [id, parameters] = childrenOf(algorithm, 2);
  if (!id) throw new DerError('not an AlgorithmIdentifier');
  const name = decodeOid(id);
  const kind = REQUEST_SIGNATURES[name]?.key;
  const isNull = parameters?.tag === TAG.null && parameters.content.length === 0;
  if (kind !== undefined && (kind === 'rsa' ? !isNull : parameters !== undefined)) {
    throw new DerError('unexpected algorithm parameters');
  }
  return name;
}
