/** Downloaded certificates by their address: in memory, and in the storage directory where there is one. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { decodeBase64, encodeBase64 } from '../shared/encoding/base64.ts';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { sayFileError } from './durable-file.ts';
import type { Log } from './log.ts';

export interface CertificateCache {
  get(url: string): Uint8Array | undefined;
  put(url: string, der: Uint8Array): Promise<void>;
}

const FILE = 'issuing-certificates.json';
const MOST = 32;
const contents = z.record(z.string(), z.string());

/** What the file holds needs no trust: every certificate is checked against the one that it issued. */
export async function openCertificateCache(
  directory: string | undefined,
  log: Log,
): Promise<CertificateCache> {
  const file = directory === undefined ? undefined : join(directory, FILE);
  const known = new Map<string, string>(Object.entries(file ? await readCache(file) : {}));
  return {
    get(url) {
      const text = known.get(url);
      return text === undefined ? undefined : decodeBase64(text);
    },
    async put(url, der) {
      if (known.size >= MOST) known.clear();
      known.set(url, encodeBase64(der));
      if (!file || !directory) return;
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(known)), { mode: 0o600 });
        await rename(`${file}.new`, file);
      } catch (error) {
        // A convenience: nobody goes without a certificate for it.
        log.warn(
          `downloaded certificates can't be kept in ${directory} (${sayFileError(error)}): they are downloaded again after a restart`,
        );
      }
    },
  };
}

/** A cache that can't be read is an empty one: it is filled again. */
async function readCache(file: string): Promise<Record<string, string>> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  const parsed = parseJsonWith(contents, text);
  return parsed.ok ? parsed.value : {};
}
