import { describe, expect, test } from 'vitest';
import { shortFacts } from '../../../shared/joining/short-facts.ts';

/** `"…"` of so many letters: 6,000 characters are the most. */
const text = (letters: number): string => 'x'.repeat(letters);

describe('a detail', () => {
  test.each([
    ['that just fits is whole', text(5998), text(5998)],
    ['of one letter more is cut', text(5999), `${text(1000)}…`],
    [
      'of letters that JSON writes with six fits all the same',
      '\0'.repeat(5000),
      `${'\0'.repeat(1000)}…`,
    ],
  ])('%s', (_, detail, short) => {
    expect(shortFacts({ detail })).toEqual({ detail: short });
    expect(JSON.stringify(short).length).toBeLessThan(6010);
  });
});

describe('logins', () => {
  // With quotes and a comma ten characters each.
  const logins = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => text(4) + String(i).padStart(3, '0'));

  test('that just fit are whole', () => {
    expect(shortFacts({ logins: logins(600) }).logins).toEqual(logins(600));
  });

  test('are cut where one more does not fit', () => {
    expect(shortFacts({ logins: logins(601) }).logins).toEqual([...logins(600), '…']);
  });

  test('are cut even where the first one does not fit', () => {
    expect(shortFacts({ logins: [text(6000)] }).logins).toEqual(['…']);
  });
});

test('everything else is as it was', () => {
  const facts = {
    outcome: 'admitted',
    bot: text(9000),
    detail: 'short',
    logins: ['root'],
  } as const;
  expect(shortFacts(facts)).toEqual(facts);
  expect(shortFacts({})).toStrictEqual({});
});
