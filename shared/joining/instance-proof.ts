/** The proof that a renewal comes from the instance itself: its key's signature over the request. */
import { createPublicKey, verify } from 'node:crypto';
import { decodeBase64 } from '../encoding/base64.ts';
import { proofMessage } from '../protocol/join.ts';
import { badInput } from '../refusal.ts';

/**
 * Whether the proof is good under this key, as in `isSignedWith`. The key's type fixes the algorithm (rule 2): ECDSA and RSA PKCS#1 v1.5 with SHA-256, or Ed25519.
 */
export function isInstanceProof(
  request: string,
  proof: string | undefined,
  instanceKey: Uint8Array,
): boolean {
  if (proof === undefined)
    throw badInput({
      field: 'proof',
      message: "expected the instance key's signature: the request is an instance's renewal",
    });
  const signature = decodeBase64(proof);
  if (!signature) throw badInput({ field: 'proof', message: 'expected base64' });
  return isSignedWith(instanceKey, proofMessage(request), signature);
}

/** Whether the signature over a message is good under the DER of a SubjectPublicKeyInfo that the broker has certified. */
export function isSignedWith(
  publicKeyInfo: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKeyInfo), format: 'der', type: 'spki' });
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return verify(hash, message, key, signature);
}
