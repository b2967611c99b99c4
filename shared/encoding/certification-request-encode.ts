/** Writes PKCS#10 certification requests (RFC 2986) that say nothing but the key. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { bitString, explicit, oid, sequence, smallInteger } from './der-encode.ts';
import { OID } from './oids.ts';
import { encodePem } from './pem.ts';

/** A certification request as PEM, signed with its own key: ECDSA. All but the key is the broker's to decide. */
export function certificationRequest(privateKey: KeyObject): string {
  const publicKeyInfo = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const noSubject = sequence();
  const noAttributes = explicit(0);
  const info = sequence(smallInteger(0), noSubject, publicKeyInfo, noAttributes);
  const algorithm = sequence(oid(OID.ecdsaWithSHA256));
  const signature = bitString(sign('sha256', info, privateKey));
  return encodePem('CERTIFICATE REQUEST', sequence(info, algorithm, signature));
}
