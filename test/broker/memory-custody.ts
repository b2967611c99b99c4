/** Custody without a file, for tests. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Custody, RememberedRoot } from '../../shared/authority/custody.ts';
import { decrypt, encrypt } from '../../shared/authority/sealing.ts';
import { publicKeyOfPrivate } from '../../shared/authority/x509.ts';

export function createMemoryCustody(): Custody {
  const key = randomBytes(32);
  const roots = new Map<string, Uint8Array>();
  let remembered: RememberedRoot | undefined;
  return {
    wrapDataKey: async (dataKey, about) => encrypt(key, dataKey, Buffer.from(about)),
    async unwrapDataKey(wrapped, about) {
      try {
        return decrypt(key, wrapped, Buffer.from(about));
      } catch {
        return undefined;
      }
    },
    async createRootKey(cluster) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
      remembered = { cluster, publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }) };
      return { publicKey, handle: privateKey.export({ format: 'der', type: 'pkcs8' }) };
    },
    async publicKeyOfRoot(handle) {
      const id = Buffer.from(handle).toString('base64');
      const known = roots.get(id) ?? publicKeyOfPrivate(handle);
      if (known) roots.set(id, known);
      return known;
    },
    rememberedRoot: async () => remembered,
    async signWithRoot(handle, message) {
      return sign(
        'sha384',
        message,
        createPrivateKey({ key: Buffer.from(handle), format: 'der', type: 'pkcs8' }),
      );
    },
  };
}
