/** The key of the join log: made from the data key, so that it is nowhere but in the memory of function instances. */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

export interface DerivedLogKey {
  /** Names it, and tells nothing of it. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** The parameter of HKDF (RFC 5869) that keeps it apart from whatever else may be made from the data key. */
const DERIVATION = 'join-broker key of the join log 1';
const SECRET_BYTES = 32;
const ID_BYTES = 8;

export function deriveLogKey(dataKey: Uint8Array): DerivedLogKey {
  const length = SECRET_BYTES + ID_BYTES;
  const bytes = Buffer.from(hkdfSync('sha256', dataKey, new Uint8Array(), DERIVATION, length));
  return {
    secret: createSecretKey(bytes.subarray(0, SECRET_BYTES)),
    id: bytes.subarray(SECRET_BYTES).toString('hex'),
  };
}
