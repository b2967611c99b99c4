import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { proveLiveRotation } from '../../../../local/rotation/live/proof.ts';
import { createRandom } from '../../../../local/rotation/random.ts';
import { hasProgram } from '../../../programs.ts';

const hasPrograms = ['openssl', 'ssh-keygen'].map(hasProgram).every(Boolean);

test.skipIf(!hasPrograms)(
  'a rotation of npm run prove:rotation-live: instances are killed in the middle, no join is lost',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rotation-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const figures = await proveLiveRotation({
      folder,
      rotations: 1,
      stepHours: 20,
      random: createRandom(1),
      tell: () => {},
    });
    expect(figures.sshAuthorities).toBe(2);
    expect(figures.joins).toBe(6 * figures.steps);
    expect(figures.kills).toBeGreaterThan(0);
    expect(figures.dataKeys).toBeGreaterThan(1);
    // Each with the bundle of each instance at once, and many again later.
    expect(figures.checks).toBeGreaterThan(6 * figures.joins);
  },
);
