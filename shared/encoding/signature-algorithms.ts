/** Signature algorithms of X.509 structures, by OID: SHA-256 or better, each with the kind of key that fixes it (rule 2). */
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
