import { expect, test } from 'vitest';
import { keepLatest } from '../../shared/remembered.ts';

const keptOf = (...keys: readonly string[]): readonly string[] => {
  const known = new Map<string, number>();
  for (const [i, key] of keys.entries()) keepLatest(known, key, i, 3);
  return [...known].map(([key, value]) => `${key}${value}`);
};

test('of what is put into a map of three, the latest three stay', () => {
  expect(keptOf('a', 'b', 'c')).toEqual(['a0', 'b1', 'c2']);
  expect(keptOf('a', 'b', 'c', 'd', 'e')).toEqual(['c2', 'd3', 'e4']);
});

test('what is put there again is the latest, and drives out nothing', () => {
  expect(keptOf('a', 'b', 'c', 'a')).toEqual(['b1', 'c2', 'a3']);
});
