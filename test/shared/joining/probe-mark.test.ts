import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isProbeMark, makeProbeMark, PROBE_HEADER } from '../../../shared/joining/probe-mark.ts';

const key = (sequence: number, fill = sequence) => ({
  sequence,
  secret: createSecretKey(Buffer.alloc(32, fill)),
});
const OLD = key(1);
const NEW = key(2);
const MARK = makeProbeMark('request', NEW);

test('a mark is good for its request, under the key that it names', () => {
  expect(isProbeMark(MARK, 'request', [OLD, NEW])).toBe(true);
  expect(isProbeMark(makeProbeMark('request', OLD), 'request', [NEW, OLD])).toBe(true);
});

test('the tenth key, and the latest that there can be, make marks too', () => {
  for (const sequence of [10, 999_999_999]) {
    const later = key(sequence, 3);
    expect(isProbeMark(makeProbeMark('request', later), 'request', [NEW, later])).toBe(true);
  }
  expect(PROBE_HEADER).toBe('x-join-broker-probe');
});

describe('no mark is', () => {
  test.each<[string, string, string]>([
    ['that of another request', MARK, 'request '],
    ['nothing', '', 'request'],
    ['a number alone', '2.', 'request'],
    ['a MAC alone', MARK.slice(2), 'request'],
    ['one that names another key', MARK.replace('2.', '1.'), 'request'],
    ['one that names a key that nobody has', MARK.replace('2.', '3.'), 'request'],
    ['one whose number is written otherwise', `0${MARK}`, 'request'],
    ['one with something before it', ` ${MARK}`, 'request'],
    ['one with something behind it', `${MARK}A`, 'request'],
    ['one that is cut', MARK.slice(0, -1), 'request'],
    ['one of other bytes', `2.${'A'.repeat(43)}`, 'request'],
    ['one with a bit too many in its last letter', `2.${'A'.repeat(42)}B`, 'request'],
    ['one of another alphabet', `2.${'+'.repeat(43)}`, 'request'],
  ])('%s', (_, mark, request) => {
    expect(isProbeMark(mark, request, [OLD, NEW])).toBe(false);
  });

  test('any, where there is no key', () => {
    expect(isProbeMark(MARK, 'request', [])).toBe(false);
  });

  test('one under a key of the same number with another secret', () => {
    expect(isProbeMark(MARK, 'request', [key(2, 7)])).toBe(false);
  });
});
