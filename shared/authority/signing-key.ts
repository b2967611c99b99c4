/** The broker's keys: what each is for, and the row that keeps it. */

/** Whose key it is: a certificate authority, the prober's mark, or the key that the others are encrypted with. */
export type KeyOwner = 'tls' | 'ssh-user' | 'ssh-host' | 'probe' | 'data';

/** `tls` has a root and issuing keys; the others have one purpose each. */
export type KeyPurpose = 'root' | 'issuing' | 'sign' | 'authenticate' | 'encrypt';

export type KeyState = 'upcoming' | 'signing' | 'retiring';

/** The public description of a key. All of it is authenticated together with the private part. */
export interface KeyDescription {
  readonly owner: KeyOwner;
  /** Counts up within the owner: the row's key, and the guard against two timers making the same key. */
  readonly sequence: number;
  readonly purpose: KeyPurpose;
  readonly state: KeyState;
  /** DER of the SubjectPublicKeyInfo; empty for secret keys. */
  readonly publicKey: Uint8Array;
  /** DER of the key's own certificate, for `tls`; empty otherwise. */
  readonly certificate: Uint8Array;
  /** Unix seconds. A key without an end has the largest safe integer. */
  readonly created: number;
  readonly changed: number;
  readonly expires: number;
}

/** A key as it is stored: its private part is encrypted. */
export interface SealedKey extends KeyDescription {
  readonly sealed: Uint8Array;
}

export const NEVER = Number.MAX_SAFE_INTEGER;
