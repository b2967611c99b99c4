/** How private keys are protected at rest. Key Vault and a file on one machine are two custodies behind one face. */
import type { KeyObject } from 'node:crypto';

export interface RootKey {
  readonly publicKey: KeyObject;
  /** What `signWithRoot` needs to find the key again. Stored encrypted beside the other keys. */
  readonly handle: Uint8Array;
}

/** Custody's own memory of the authority that it keeps, whatever happens to the table of keys. */
export interface RememberedRoot {
  /** The cluster that the root was made for; `undefined` where somebody made the key without us. */
  readonly cluster: string | undefined;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** Where custody keeps the key itself: the key, and when it was made by custody's clock. */
  readonly made?: { readonly at: Date; readonly key: RootKey };
}

/** Every method throws where custody can't be asked now. */
export interface Custody {
  /** Encrypts the data key, the key of all other private keys, for storage. `about` is authenticated with it. */
  wrapDataKey(dataKey: Uint8Array, about: string): Promise<Uint8Array>;
  /** `undefined` where this is not what custody wrapped, or not with this `about`. */
  unwrapDataKey(wrapped: Uint8Array, about: string): Promise<Uint8Array | undefined>;
  /** Makes a root's key, ECDSA P-384, and remembers it and the cluster that it is for. */
  createRootKey(cluster: string): Promise<RootKey>;
  /** DER of the SubjectPublicKeyInfo of a root's key; `undefined` where custody never had it. */
  publicKeyOfRoot(handle: Uint8Array): Promise<Uint8Array | undefined>;
  /** The root that was made last; `undefined` if none ever was. */
  rememberedRoot(): Promise<RememberedRoot | undefined>;
  /** Signs with ECDSA and SHA-384; the signature is DER. */
  signWithRoot(handle: Uint8Array, message: Uint8Array): Promise<Uint8Array>;
}

/** What is enough to use the keys that there are: with it no key can be made, and the root signs nothing. */
export const readingCustody = ({
  unwrapDataKey,
  publicKeyOfRoot,
  rememberedRoot,
}: Custody): Custody => ({
  unwrapDataKey,
  publicKeyOfRoot,
  rememberedRoot,
  wrapDataKey: refuse,
  createRootKey: refuse,
  signWithRoot: refuse,
});

const refuse = (): Promise<never> =>
  Promise.reject(new Error('this app makes no keys and does not sign with the root'));
