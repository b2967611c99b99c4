import { describe, expect, it } from 'vitest';
import { didYouMean } from '../../admin/suggestion.ts';

describe('didYouMean', () => {
  it('names the nearest choice', () => {
    expect(didYouMean('tokn', ['bot', 'token', 'role'])).toBe(' (did you mean token?)');
  });

  it('keeps quiet where nothing is near', () => {
    expect(didYouMean('kubernetes', ['bot', 'token', 'role'])).toBe('');
  });
});
