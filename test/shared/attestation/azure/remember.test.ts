import { expect, test } from 'vitest';
import { remember } from '../../../../shared/attestation/azure/remember.ts';

test('of what callers name the latest ten thousand are remembered', () => {
  const known = new Map<string, number>();
  for (let i = 0; i < 10_000; i += 1) remember(known, `caller ${i}`, i);
  expect(known.size).toBe(10_000);
  remember(known, 'one more', 1);
  expect(known.size).toBe(10_000);
  expect(known.has('caller 0')).toBe(false);
  expect(known.get('caller 1')).toBe(1);
  expect(known.get('one more')).toBe(1);
});
