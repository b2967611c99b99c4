/** RSA keys take long to make: they are made on first use, and one source can serve every cloud of a test process. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface RsaKeyShape {
  readonly bits: 2048 | 4096;
  readonly exponent: 3 | 65537;
}

export interface RsaKeySource {
  /**
   * The key for a purpose such as `tenant 1, key 2`: the same key whenever the same purpose and shape are asked for.
   * Clouds that share a source thereby share keys, purpose by purpose.
   */
  keyPair(purpose: string, shape?: RsaKeyShape): KeyPair;
}

const USUAL: RsaKeyShape = { bits: 2048, exponent: 65537 };

export function createRsaKeySource(): RsaKeySource {
  const made = new Map<string, KeyPair>();
  return {
    keyPair(purpose, shape = USUAL) {
      const id = `${shape.bits}/${shape.exponent}/${purpose}`;
      const known = made.get(id);
      if (known) return known;
      const pair = generateKeyPairSync('rsa', {
        modulusLength: shape.bits,
        publicExponent: shape.exponent,
      });
      made.set(id, pair);
      return pair;
    },
  };
}
