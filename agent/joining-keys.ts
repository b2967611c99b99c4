/** The agent's keys: ECDSA P-256, fresh for every certificate, and what proves that it has them. */
import { createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeBase64 } from '../shared/encoding/base64.ts';
import { bitString, explicit, oid, sequence, smallInteger } from '../shared/encoding/der-encode.ts';
import { OID } from '../shared/encoding/oids.ts';
import { encodePem } from '../shared/encoding/pem.ts';
import { proofMessage } from '../shared/protocol/join.ts';

/** A fresh private key. */
export async function createKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return privateKey;
}

/** A certification request (RFC 2986) as PEM. It says nothing but the key: all else is the broker's to decide. */
export function certificationRequest(privateKey: KeyObject): string {
  const publicKeyInfo = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const noSubject = sequence();
  const noAttributes = explicit(0);
  const info = sequence(smallInteger(0), noSubject, publicKeyInfo, noAttributes);
  const algorithm = sequence(oid(OID.ecdsaWithSHA256));
  const signature = bitString(sign('sha256', info, privateKey));
  return encodePem('CERTIFICATE REQUEST', sequence(info, algorithm, signature));
}

/** The proof that the owner of this key makes this request. */
export const proofOf = (request: string, privateKey: KeyObject): string =>
  encodeBase64(sign('sha256', proofMessage(request), privateKey));
