/** The agent's keys: ECDSA P-256, fresh for every certificate, and the proof that it has them. */
import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { encodeBase64 } from '../shared/encoding/base64.ts';
import { proofMessage } from '../shared/protocol/join.ts';

/** A fresh private key. */
export async function createKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return privateKey;
}

/** The proof that the owner of this key makes this request. */
export const proofOf = (request: string, privateKey: KeyObject): string =>
  encodeBase64(sign('sha256', proofMessage(request), privateKey));
