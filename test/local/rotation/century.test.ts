import { describe, expect, test } from 'vitest';
import { POLICY, simulate } from '../../../local/rotation/century.ts';

test.each([1, 2, 3])(
  'seed %i of npm run prove:rotation: nobody is stranded in twelve years',
  (seed) => {
    const { violations, ...figures } = simulate(seed, 12);
    expect(violations).toEqual([]);
    expect(figures.keys).toBeGreaterThan(1000);
    expect(figures.crashes).toBeGreaterThan(100);
    expect(figures.accidents).toBeGreaterThan(20);
    expect(figures.leaks).toBeGreaterThan(5);
    expect(figures.retired).toBeGreaterThan(0);
    expect(figures.mostRows).toBeLessThanOrEqual(16);
  },
);

describe('the checks find', () => {
  test('authorities that sign before everybody has heard of them', () => {
    const { violations } = simulate(3, 12, { ...POLICY, sshPublication: 3600 });
    expect(violations.join()).toContain('does not verify with a bundle of');
  });

  test('issuing keys that sign before everybody has read their list', () => {
    const { violations } = simulate(1, 12, { ...POLICY, issuingPublication: 3600 });
    expect(violations.join()).toContain('has no list among those of');
  });

  test('authorities that go before their certificates are over', () => {
    const { violations } = simulate(1, 12, { ...POLICY, reloadLag: -20 * 3600 });
    expect(violations.join()).toMatch(/does not verify|was removed/);
  });
});
