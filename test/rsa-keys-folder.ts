/** Once for all tests: makes room for the RSA keys that they share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the keys that shared-rsa-keys.ts makes. */
    readonly rsaKeys: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const rsaKeys = await mkdtemp(join(tmpdir(), 'rsa-keys-'));
  project.provide('rsaKeys', rsaKeys);
  return () => rm(rsaKeys, { recursive: true });
}
