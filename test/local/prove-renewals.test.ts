import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MISHAPS } from '../../local/renewals/mishaps.ts';
import { proveRenewals } from '../../local/renewals/proof.ts';

test('a few rounds of npm run prove:renewals: killed agents get on, nobody is locked, a copy is caught', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'renewals-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const rounds = Object.keys(MISHAPS).length;
  const figures = await proveRenewals({ folder, rounds, random: Math.random, tell: () => {} });
  expect(figures).toMatchObject({ rounds, lockOuts: 0, duplicates: 0, copiesCaught: 1 });
  // Two of the mishaps kill nobody, and one may come too late.
  expect(figures.kills).toBeGreaterThanOrEqual(rounds - 4);
  expect(figures.lostAnswers).toBeGreaterThan(0);
});
