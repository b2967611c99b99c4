/** The relying parties of npm run prove:rotation-live find what is wrong. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Issued, problemsOf } from '../../../../local/rotation/live/verify.ts';
import type { TrustBundle } from '../../../../shared/protocol/trust.ts';
import { createScene } from '../../../broker/fixtures.ts';
import { join as joinAs, joined } from '../../../broker/joiner.ts';
import { NOON } from '../../../broker/test-broker.ts';
import { hasProgram } from '../../../programs.ts';

const hasPrograms = ['openssl', 'ssh-keygen'].map(hasProgram).every(Boolean);
const later = (hours: number): Date => new Date(NOON.getTime() + hours * 3_600_000);

interface Authority {
  readonly issued: Issued;
  readonly bundle: TrustBundle;
}

async function createAuthority(): Promise<Authority> {
  const { api, vm } = await createScene();
  const { certificates, trust } = joined(await joinAs(api, vm));
  const { tls = '', ssh = '' } = certificates[0] ?? {};
  return { issued: { tls, ssh }, bundle: trust };
}

describe.skipIf(!hasPrograms)('a certificate', () => {
  let folder: string;
  let ours: Authority;
  let others: Authority;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verify-'));
    [ours, others] = await Promise.all([createAuthority(), createAuthority()]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is good with the bundle of its broker', async () => {
    expect(await problemsOf([ours.issued, ours.issued], ours.bundle, NOON, folder)).toEqual([]);
  });

  test('is not with the roots of another, or with its SSH authorities', async () => {
    const { tls } = others.bundle;
    const problems = (bundle: TrustBundle) => problemsOf([ours.issued], bundle, NOON, folder);
    expect((await problems({ ...ours.bundle, tls })).join()).toMatch(/^openssl: 0 of 1/);
    const { ssh } = others.bundle;
    expect((await problems({ ...ours.bundle, ssh })).join()).toMatch(
      /^ssh-keygen: .* no authority$/,
    );
  });

  test('is not when it is over, or not yet', async () => {
    for (const at of [later(2), later(-1)]) {
      const found = (await problemsOf([ours.issued], ours.bundle, at, folder)).join();
      expect(found).toContain('openssl: 0 of 1');
      expect(found).toContain('ssh-keygen: valid from');
    }
  });

  test('is not when a byte of it was changed', async () => {
    const ssh = ours.issued.ssh.replace(/.{8}$/, 'AAAAAAAA');
    const found = await problemsOf([{ ...ours.issued, ssh }], ours.bundle, NOON, folder);
    expect(found.join()).toContain('ssh-keygen: 0 of 1');
  });
});
