import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldAzureName, isSameAzureName } from '../../../shared/encoding/azure-name.ts';

const everyLetter = Array.from({ length: 0x110000 }, (_, i) => i)
  .filter((i) => i < 0xd800 || i > 0xdfff)
  .map((i) => String.fromCodePoint(i));
const hasCase = (letter: string): boolean =>
  letter.toLowerCase() !== letter || letter.toUpperCase() !== letter;
const cased = everyLetter.filter(hasCase);

describe('a name is folded', () => {
  test.each([
    ['Prod-K8s', 'prod-k8s'],
    ['ÉTÉ', 'été'],
    ['Straße', 'straße'],
    ['ЖУК', 'жук'],
    ['东京', '东京'],
    ['𐐀', '𐐨'],
    ['', ''],
  ])('%s to %s', (name, folded) => {
    expect(foldAzureName(name)).toBe(folded);
  });
});

describe('a name is not folded with', () => {
  test.each([
    ['the Kelvin sign', 'prod-\u212a8s'],
    ['the Ohm sign', '\u2126'],
    ['the Ångström sign', '\u212b'],
    ['an I with a dot', '\u0130'],
    ['an i without a dot', '\u0131'],
    ['a long s', '\u017f'],
    ['a final sigma', 'ς'],
    ['a capital sharp s', '\u1e9e'],
    ['a title-case letter', '\u01c5'],
    ['the micro sign', '\u00b5'],
  ])('%s', (_, name) => {
    expect(foldAzureName(name)).toBeUndefined();
    expect(isSameAzureName(name, name)).toBe(false);
  });
});

describe('over all of Unicode', () => {
  test('what has no case is its own folding', () => {
    expect(cased.length).toBeGreaterThan(2000);
    const wrong = everyLetter.filter((one) => !hasCase(one) && foldAzureName(one) !== one);
    expect(wrong).toEqual([]);
  });

  test('two letters share a folding only where each is the plain other case of the other', () => {
    const letters = new Map<string, string[]>();
    for (const letter of cased) {
      const folded = foldAzureName(letter);
      if (folded !== undefined) letters.set(folded, [...(letters.get(folded) ?? []), letter]);
    }
    const wrong = [...letters].filter(([folded, [one = '', other = one, ...more]]) => {
      const alone = one === folded && other === one;
      const pair =
        one !== other &&
        [one, other].includes(folded) &&
        one.toLowerCase() === other.toLowerCase() &&
        one.toUpperCase() === other.toUpperCase();
      return more.length > 0 || !(alone || pair);
    });
    expect(wrong).toEqual([]);
    expect(letters.get('k')).toEqual(['K', 'k']);
  });

  test('a folding is its own folding, and a name in the other case has the same', () => {
    const wrong = cased.filter((letter) => {
      const folded = foldAzureName(letter);
      if (folded === undefined) return false;
      const upper = folded.toUpperCase();
      const other = [...upper].length === 1 ? foldAzureName(upper) : folded;
      return foldAzureName(folded) !== folded || other !== folded;
    });
    expect(wrong).toEqual([]);
  });

  test('only names of the same length and letters are the same', () => {
    const letter = fc.constantFrom(...'aAkK\u212aßẞsSſσΣςiIİıåÅ\u212b-.');
    const name = fc.array(letter, { maxLength: 4 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(name, name, (a, b) => {
        fc.pre(isSameAzureName(a, b));
        expect(a.normalize('NFD').toUpperCase()).toBe(b.normalize('NFD').toUpperCase());
        expect([...a].length).toBe([...b].length);
      }),
    );
  });
});
