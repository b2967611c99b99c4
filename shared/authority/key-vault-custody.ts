/**
 * Custody in Azure Key Vault (https://learn.microsoft.com/azure/key-vault/keys/about-keys). A bundle of its own.
 *
 * The vault holds three keys. `root` (EC P-384) is the root's and never leaves it. `data-key-encryption` (RSA) wraps the
 * data key; anybody can wrap with its public half, so `data-key-signature` (EC P-256) says which wrapped key is ours.
 * Otherwise whoever can write to the keys table could bring a data key, and with it signing keys, of his own.
 */
import { createHash, createPublicKey, type JsonWebKey as JsonKey, verify } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { CryptographyClient, KeyClient, type KeyVaultKey } from '@azure/keyvault-keys';
import * as z from 'zod/mini';
import { withDeadline } from '../deadline.ts';
import { sequence, unsignedInteger } from '../encoding/der-encode.ts';
import { fetchHttpClient } from '../fetch-http-client.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import { unavailable } from '../refusal.ts';
import { passOnRetryAfter } from '../retry-after.ts';
import type { Custody, RootKey } from './custody.ts';
import { keyVaultRefusal } from './key-vault-refusal.ts';
import { publicKeyInfo } from './x509.ts';

export interface KeyVaultCustodyOptions {
  /** `https://<vault>.vault.azure.net`. */
  readonly url: string;
  readonly credential: TokenCredential;
  readonly fetch: typeof fetch;
  /** Makes keys in the hardware of a Premium vault; a Standard one refuses it. Keys that are there stay what they are. */
  readonly hsm?: boolean;
  /** How long any of custody's operations may take. */
  readonly timeoutMs?: number;
}

const ROOT = 'root';
const ENCRYPTION = 'data-key-encryption';
const SIGNATURE = 'data-key-signature';

/** The tag of a version of `root` that says which cluster it was made for. */
const CLUSTER_TAG = 'join-broker-cluster';

const WRAP_ALGORITHM = 'RSA-OAEP-256';

/** The data key as it is stored: wrapped, with the version of the key that can unwrap it, and signed. */
const wrappedDataKey = z.strictObject({
  keyId: z.string(),
  wrapped: z.string(),
  signerId: z.string(),
  signature: z.string(),
});
type WrappedDataKey = z.infer<typeof wrappedDataKey>;

export function openKeyVaultCustody({
  url,
  credential,
  fetch,
  hsm = false,
  timeoutMs,
}: KeyVaultCustodyOptions): Custody {
  const options = {
    httpClient: fetchHttpClient(fetch),
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
    additionalPolicies: [{ policy: passOnRetryAfter, position: 'perRetry' } as const],
  };
  const client = new KeyClient(url, credential, options);
  const cryptography = (key: KeyVaultKey): CryptographyClient =>
    new CryptographyClient(key, credential, options);

  /** `undefined` for ids of other vaults or keys: they come from a table. */
  function versionOf(keyId: string, name: string): string | undefined {
    const prefix = `${new URL(url).origin}/keys/${name}/`;
    const version = keyId.slice(prefix.length);
    return keyId.startsWith(prefix) && /^[0-9a-f]{32}$/.test(version) ? version : undefined;
  }

  function expectId(keyId: string, name: string): string {
    if (versionOf(keyId, name) === undefined)
      throw new Error(`expected the id of a version of ${url}/keys/${name}`);
    return keyId;
  }

  const rootKeyOf = (key: KeyVaultKey): RootKey => ({
    publicKey: publicKeyOf(key),
    handle: Buffer.from(expectId(idOf(key), ROOT)),
  });

  async function inTime<T>(ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await withDeadline(ask, 'the key vault does not answer', timeoutMs);
    } catch (error) {
      throw keyVaultRefusal(error);
    }
  }

  /** The newest version of a key, or this one; `undefined` where the vault has none. A disabled one is none to go by. */
  async function find(
    name: string,
    options: { readonly version?: string; readonly abortSignal: AbortSignal },
  ): Promise<KeyVaultKey | undefined> {
    try {
      const key = await client.getKey(name, options);
      if (key.properties.enabled === false)
        throw unavailable(`the key vault's key ${name} is disabled: enable it`);
      return key;
    } catch (error) {
      if ((error as { statusCode?: unknown }).statusCode !== 404) throw error;
      return undefined;
    }
  }

  /** A version that the vault never had is `undefined`. But a key that is not there at all may have been deleted. */
  async function findVersion(
    name: string,
    version: string,
    abortSignal: AbortSignal,
  ): Promise<KeyVaultKey | undefined> {
    const key = await find(name, { version, abortSignal });
    if (!key && !(await find(name, { abortSignal })))
      throw unavailable(
        `the key vault has no key ${name}: if it was deleted, recover it; if it never was there, JOIN_BROKER_TABLES_URL is not of this vault`,
      );
    return key;
  }

  async function signatureKey(abortSignal: AbortSignal): Promise<KeyVaultKey> {
    const keyOps = ['sign', 'verify'];
    return (
      (await find(SIGNATURE, { abortSignal })) ??
      client.createEcKey(SIGNATURE, { curve: 'P-256', keyOps, hsm, abortSignal })
    );
  }

  async function sign(
    algorithm: 'ES256' | 'ES384',
    key: KeyVaultKey,
    message: Uint8Array,
    abortSignal: AbortSignal,
  ): Promise<Uint8Array> {
    const digest = createHash(algorithm === 'ES256' ? 'sha256' : 'sha384')
      .update(message)
      .digest();
    return (await cryptography(key).sign(algorithm, digest, { abortSignal })).result;
  }

  async function wrapDataKey(
    dataKey: Uint8Array,
    about: string,
    abortSignal: AbortSignal,
  ): Promise<Uint8Array> {
    const key = await client.getKey(ENCRYPTION, { abortSignal });
    const { result } = await cryptography(key).wrapKey(WRAP_ALGORITHM, dataKey, { abortSignal });
    const keyId = idOf(key);
    const wrapped = Buffer.from(result).toString('base64');
    const signer = await signatureKey(abortSignal);
    const signerId = idOf(signer);
    const signed = signedPart({ keyId, wrapped }, about);
    const signature = await sign('ES256', signer, signed, abortSignal);
    const stored: WrappedDataKey = {
      keyId,
      wrapped,
      signerId,
      signature: Buffer.from(signature).toString('base64'),
    };
    return Buffer.from(JSON.stringify(stored));
  }

  async function unwrapDataKey(
    stored: Uint8Array,
    about: string,
    abortSignal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const text = Buffer.from(stored).toString('utf8');
    const parsed = parseJsonWith(wrappedDataKey, text);
    if (!parsed.ok || JSON.stringify(parsed.value) !== text) return undefined;
    const { keyId, wrapped, signerId, signature } = parsed.value;
    const version = versionOf(signerId, SIGNATURE);
    if (version === undefined || versionOf(keyId, ENCRYPTION) === undefined) return undefined;
    const signer = await findVersion(SIGNATURE, version, abortSignal);
    const signed = signedPart({ keyId, wrapped }, about);
    const key = signer && ({ key: publicKeyOf(signer), dsaEncoding: 'ieee-p1363' } as const);
    if (!key || !verify('sha256', signed, key, Buffer.from(signature, 'base64'))) return undefined;
    const bytes = Buffer.from(wrapped, 'base64');
    const unwrapping = cryptography(versionForUse(keyId, ENCRYPTION, 'unwrapKey'));
    return (await unwrapping.unwrapKey(WRAP_ALGORITHM, bytes, { abortSignal })).result;
  }

  return {
    wrapDataKey: (dataKey, about) => inTime((signal) => wrapDataKey(dataKey, about, signal)),
    unwrapDataKey: (stored, about) => inTime((signal) => unwrapDataKey(stored, about, signal)),
    createRootKey: (cluster) =>
      inTime(async (abortSignal) => {
        return rootKeyOf(
          await client.createEcKey(ROOT, {
            curve: 'P-384',
            keyOps: ['sign', 'verify'],
            hsm,
            tags: { [CLUSTER_TAG]: cluster },
            abortSignal,
          }),
        );
      }),
    publicKeyOfRoot: (handle) =>
      inTime(async (abortSignal) => {
        const version = versionOf(Buffer.from(handle).toString('utf8'), ROOT);
        const key = version && (await findVersion(ROOT, version, abortSignal));
        return key ? publicKeyInfo(publicKeyOf(key)) : undefined;
      }),
    rememberedRoot: () =>
      inTime(async (abortSignal) => {
        const key = await find(ROOT, { abortSignal });
        if (!key) return undefined;
        const { tags, createdOn } = key.properties;
        return {
          cluster: tags?.[CLUSTER_TAG],
          publicKeyInfo: publicKeyInfo(publicKeyOf(key)),
          ...(createdOn && { made: { at: createdOn, key: rootKeyOf(key) } }),
        };
      }),
    signWithRoot: (handle, message) =>
      inTime(async (abortSignal) => {
        const keyId = expectId(Buffer.from(handle).toString('utf8'), ROOT);
        const key = versionForUse(keyId, ROOT, 'sign');
        return derSignature(await sign('ES384', key, message, abortSignal));
      }),
  };
}

const signedPart = (
  { keyId, wrapped }: Pick<WrappedDataKey, 'keyId' | 'wrapped'>,
  about: string,
): Uint8Array => Buffer.from(JSON.stringify(['join-broker data key', keyId, wrapped, about]));

const idOf = ({ id = '' }: KeyVaultKey): string => id;

function publicKeyOf({ key }: KeyVaultKey) {
  if (!key?.crv || !key.x || !key.y)
    throw new Error('the vault answered without an elliptic curve key');
  const coordinate = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const jwk: JsonKey = { kty: 'EC', crv: key.crv, x: coordinate(key.x), y: coordinate(key.y) };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** A version of a key as far as its use asks for: reading the rest of it would be a round trip for nothing. */
const versionForUse = (id: string, name: string, operation: 'sign' | 'unwrapKey'): KeyVaultKey => ({
  id,
  name,
  keyOperations: [operation],
  key: { kid: id, keyOps: [operation] },
  properties: { id, name, vaultUrl: new URL(id).origin },
});

/** The vault writes a signature as two numbers side by side; certificates want them in DER (RFC 3279 section 2.2.3). */
function derSignature(sideBySide: Uint8Array): Uint8Array {
  const half = sideBySide.length / 2;
  return sequence(
    unsignedInteger(sideBySide.subarray(0, half)),
    unsignedInteger(sideBySide.subarray(half)),
  );
}
