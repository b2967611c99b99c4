/** Custody on one machine: the key-encryption key is a file of mode 0600. It stands in for Key Vault, never on Azure. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Custody } from './custody.ts';
import { decrypt, encrypt } from './sealing.ts';

const KEY_BYTES = 32;

/** Opens the file, or makes it with a fresh key. Throws where others may read it, or it holds no key. */
export function openLocalCustody(file: string): Custody {
  const key = readKey(file) ?? createKey(file);
  return {
    wrapDataKey: async (dataKey, about) => encrypt(key, dataKey, dataKeyOf(about)),
    async unwrapDataKey(wrapped, about) {
      try {
        return decrypt(key, wrapped, dataKeyOf(about));
      } catch {
        return undefined;
      }
    },
    async createRootKey() {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
      return { publicKey, handle: privateKey.export({ format: 'der', type: 'pkcs8' }) };
    },
    async signWithRoot(handle, message) {
      const key = createPrivateKey({ key: Buffer.from(handle), format: 'der', type: 'pkcs8' });
      return sign('sha384', message, key);
    },
  };
}

const dataKeyOf = (about: string): Uint8Array => Buffer.from(`join-broker data key\n${about}`);

function readKey(file: string): Uint8Array | undefined {
  let key: Uint8Array;
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new Error(`${file} may be read by other users: expected mode 0600`);
    }
    key = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (key.length !== KEY_BYTES)
    throw new Error(`${file} holds no key: expected ${KEY_BYTES} bytes`);
  return key;
}

/** Written whole under another name first, so that two processes that start at once end up with the same key. */
function createKey(file: string): Uint8Array {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = openSync(draft, 'wx', 0o600);
  try {
    writeSync(handle, randomBytes(KEY_BYTES));
    closeSync(handle);
    chmodSync(draft, 0o600);
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  const key = readKey(file);
  if (!key) throw new Error(`${file} went away while it was made`);
  return key;
}
