/** Custody on one machine: the key-encryption key is a file of mode 0600. It stands in for Key Vault, never on Azure. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { encodeBase64 } from '../encoding/base64.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import type { Custody } from './custody.ts';
import { decrypt, encrypt } from './sealing.ts';
import { publicKeyInfo, publicKeyOfPrivate } from './x509.ts';

const KEY_BYTES = 32;

/** After the key: which root was made, and for which cluster. */
const memory = z.strictObject({ cluster: z.string(), root: z.string() });

/** Opens the file, or makes it with a fresh key. Throws where others may read it, or it holds no key. */
export function openLocalCustody(file: string): Custody {
  const { key } = readFile(file) ?? createFile(file);
  return {
    wrapDataKey: async (dataKey, about) => encrypt(key, dataKey, dataKeyOf(about)),
    async unwrapDataKey(wrapped, about) {
      try {
        return decrypt(key, wrapped, dataKeyOf(about));
      } catch {
        return undefined;
      }
    },
    async createRootKey(cluster) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
      const root = encodeBase64(publicKeyInfo(publicKey));
      const remembered = Buffer.from(JSON.stringify({ cluster, root }));
      writeWhole(file, Buffer.concat([key, remembered]), renameSync);
      return { publicKey, handle: privateKey.export({ format: 'der', type: 'pkcs8' }) };
    },
    publicKeyOfRoot: async (handle) => publicKeyOfPrivate(handle),
    async rememberedRoot() {
      const found = readFile(file);
      // Then nobody knows whether a root was made.
      if (!found) throw new Error(`${file} is gone, and with it what it remembered`);
      const { remembered } = found;
      return (
        remembered && {
          cluster: remembered.cluster,
          publicKeyInfo: Buffer.from(remembered.root, 'base64'),
        }
      );
    },
    async signWithRoot(handle, message) {
      const key = createPrivateKey({ key: Buffer.from(handle), format: 'der', type: 'pkcs8' });
      return sign('sha384', message, key);
    },
  };
}

const dataKeyOf = (about: string): Uint8Array => Buffer.from(`join-broker data key\n${about}`);

interface KeyFile {
  readonly key: Uint8Array;
  readonly remembered: z.infer<typeof memory> | undefined;
}

function readFile(file: string): KeyFile | undefined {
  let bytes: Buffer;
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new Error(`${file} may be read by other users: expected mode 0600`);
    }
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const key = bytes.subarray(0, KEY_BYTES);
  if (bytes.length === KEY_BYTES) return { key, remembered: undefined };
  const parsed = parseJsonWith(memory, bytes.subarray(KEY_BYTES).toString('utf8'));
  // Of a file that is shorter nothing is left to be remembered.
  if (!parsed.ok)
    throw new Error(`${file} holds no key: expected ${KEY_BYTES} bytes, and what is remembered`);
  return { key, remembered: parsed.value };
}

/** Two processes that start at once end up with the same key: the first one's. */
function createFile(file: string): KeyFile {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeWhole(file, randomBytes(KEY_BYTES), (draft) => linkSync(draft, file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const made = readFile(file);
  if (!made) throw new Error(`${file} went away while it was made`);
  return made;
}

/** Written under another name first, so that the file is never seen half-written. */
function writeWhole(
  file: string,
  content: Uint8Array,
  put: (draft: string, file: string) => void,
): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, content, { flag: 'wx', mode: 0o600 });
    put(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}
