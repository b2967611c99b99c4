import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance } from '../../admin/suggestion.ts';

describe('didYouMean', () => {
  it('names the nearest choice', () => {
    expect(didYouMean('tokn', ['bot', 'token', 'role'])).toBe(' (did you mean token?)');
  });

  it('keeps quiet where nothing is near', () => {
    expect(didYouMean('kubernetes', ['bot', 'token', 'role'])).toBe('');
  });
});

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['kitten', 'sitting', 3],
    ['fromat', 'format', 2],
  ])('from %j to %j is %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
    expect(editDistance(to, from)).toBe(distance);
  });
});
