/** Encryption of private keys at rest: AES-256-GCM, with everything that describes the key authenticated too. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  describeKey,
  type KeyDescription,
  type NumberMark,
  type SealedKey,
  type SealedMark,
} from './signing-key.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Nonce, ciphertext and tag in one. */
export function encrypt(key: Uint8Array, plain: Uint8Array, authenticated: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(authenticated);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws if key, ciphertext or what was authenticated is not the same. */
export function decrypt(
  key: Uint8Array,
  sealed: Uint8Array,
  authenticated: Uint8Array,
): Uint8Array {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error('a sealed key is too short');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(authenticated);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  return Buffer.concat([
    decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)),
    decipher.final(),
  ]);
}

export const sealKey = (
  dataKey: Uint8Array,
  description: KeyDescription,
  secret: Uint8Array,
): SealedKey => ({
  ...description,
  sealed: encrypt(dataKey, secret, Buffer.from(describeKey(description))),
});

/** The private part of a key whose whole row authenticates. */
export const openKey = (dataKey: Uint8Array, key: SealedKey): Uint8Array =>
  decrypt(dataKey, key.sealed, Buffer.from(describeKey(key)));

/** A mark holds no secret: it is only authenticated. */
export const sealMark = (dataKey: Uint8Array, mark: NumberMark): SealedMark => ({
  ...mark,
  sealed: encrypt(dataKey, new Uint8Array(), describeMark(mark)),
});

export function isGenuineMark(dataKey: Uint8Array, mark: SealedMark): boolean {
  try {
    return decrypt(dataKey, mark.sealed, describeMark(mark)).length === 0;
  } catch {
    return false;
  }
}

const describeMark = ({ owner, highest }: NumberMark): Uint8Array =>
  Buffer.from(JSON.stringify(['join-broker numbers', owner, highest]));
