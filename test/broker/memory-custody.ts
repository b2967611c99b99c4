/** Custody without a file, for tests. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Custody } from '../../shared/authority/custody.ts';
import { decrypt, encrypt } from '../../shared/authority/sealing.ts';

export function createMemoryCustody(): Custody {
  const key = randomBytes(32);
  const about = Buffer.from('data key');
  return {
    wrapDataKey: async (dataKey) => encrypt(key, dataKey, about),
    unwrapDataKey: async (wrapped) => decrypt(key, wrapped, about),
    async createRootKey() {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
      return { publicKey, handle: privateKey.export({ format: 'der', type: 'pkcs8' }) };
    },
    async signWithRoot(handle, message) {
      return sign(
        'sha384',
        message,
        createPrivateKey({ key: Buffer.from(handle), format: 'der', type: 'pkcs8' }),
      );
    },
  };
}
