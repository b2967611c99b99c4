/** Once for all tests: builds what some of them run, and makes room for the RSA keys that they share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { build } from '../scripts/build.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the keys that shared-rsa-keys.ts makes. */
    readonly rsaKeys: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  const rsaKeys = await mkdtemp(join(tmpdir(), 'rsa-keys-'));
  project.provide('rsaKeys', rsaKeys);
  return () => rm(rsaKeys, { recursive: true });
}
