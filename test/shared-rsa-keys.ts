/** RSA keys take long to make: all test files of a run share theirs, through a folder that lives as long as the run. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import {
  createRsaKeySource,
  type KeyPair,
  type RsaKeySource,
} from '../local/azure/certificates/rsa-keys.ts';

/** A source whose keys are the same in every test file: purpose by purpose, made by whoever comes first. */
export function sharedRsaKeys(): RsaKeySource {
  const folder = inject('rsaKeys');
  const known = new Map<string, KeyPair>();
  return {
    keyPair(purpose, shape) {
      const id = JSON.stringify([purpose, shape ?? null]);
      const file = join(folder, createHash('sha256').update(id).digest('hex'));
      const found = known.get(id);
      if (found) return found;
      const privateKey =
        readKey(file) ?? keepFirst(file, createRsaKeySource().keyPair(purpose, shape).privateKey);
      const pair = { privateKey, publicKey: createPublicKey(privateKey) };
      known.set(id, pair);
      return pair;
    },
  };
}

function readKey(file: string): KeyObject | undefined {
  try {
    return createPrivateKey(readFileSync(file));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Keeps the key, or takes the one that another test file kept meanwhile. A link appears whole or not at all. */
function keepFirst(file: string, key: KeyObject): KeyObject {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  try {
    linkSync(own, file);
    return key;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    return createPrivateKey(readFileSync(file));
  } finally {
    rmSync(own);
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
