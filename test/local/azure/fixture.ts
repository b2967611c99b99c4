/** Clouds for the tests of the simulation itself: a frozen clock, RSA keys made once per test file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRsaKeySource } from '../../../local/azure/certificates/rsa-keys.ts';
import { type Cloud, type CloudOptions, createCloud } from '../../../local/azure/cloud.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';

export const NOW = new Date('2026-11-20T19:05:00Z');

export const keys = createRsaKeySource();

export const newCloud = (options: Partial<CloudOptions> = {}): Cloud =>
  createCloud({ now: () => NOW, keys, ...options });

/** A cloud with one machine of each identity kind. */
export function smallCloud(options: Partial<CloudOptions> = {}) {
  const cloud = newCloud(options);
  const tenant = cloud.tenant();
  const subscription = tenant.subscription();
  const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'identities' });
  const systemVm = subscription.virtualMachine('vm-system', {
    resourceGroup: 'group1',
    systemAssigned: true,
  });
  const userVm = subscription.virtualMachine('vm-user', {
    resourceGroup: 'group1',
    identities: [identity],
  });
  return { cloud, tenant, subscription, identity, systemVm, userVm };
}

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** Runs `openssl` on files with these contents, named by their keys; `@name` in an argument is the file's path. */
export function openssl(
  args: readonly string[],
  files: Readonly<Record<string, string | Uint8Array>>,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'join-broker-openssl-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return execFileSync(
      'openssl',
      args.map((arg) => (arg.startsWith('@') ? join(folder, arg.slice(1)) : arg)),
      { encoding: 'utf8', stdio: 'pipe' },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const certificatePem = (...certificates: readonly Uint8Array[]): string =>
  certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

/** Status and JSON of an answer; the test says what it expects to find in it. */
export async function answered<Body>(
  answer: Promise<Response>,
): Promise<{ readonly status: number; readonly body: Body }> {
  const response = await answer;
  return { status: response.status, body: (await response.json()) as Body };
}
