import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseWith } from '../../../shared/protocol/schema.ts';
import {
  duration,
  formatDuration,
  formatTimestamp,
  guid,
  name,
  parseDuration,
  parseTimestamp,
  timestamp,
} from '../../../shared/protocol/values.ts';

describe('durations', () => {
  test.each([
    ['30m', 1800],
    ['1h', 3600],
    ['1h30m0s', 5400],
    ['90m', 5400],
    ['0h0m1s', 1],
    ['24h', 86_400],
    ['999999h', 3_599_996_400],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each([
    '',
    '0s',
    '0h0m',
    '1',
    'h',
    '1d',
    '1.5h',
    '-1h',
    '+1h',
    '1h 30m',
    '30m1h',
    '1h1h',
    '1H',
    '100ms',
    '1h\n',
    ' 1h',
    '1000000h',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
    expect(parseWith(duration, text)).toEqual({
      ok: false,
      problem: { field: '', message: 'expected a duration such as 30m or 1h30m' },
    });
  });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000_000_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds);
      }),
    );
  });

  test('are written without what is zero', () => {
    expect([5400, 3600, 61, 0].map(formatDuration)).toEqual(['1h30m', '1h', '1m1s', '0s']);
  });
});

describe('timestamps', () => {
  test.each([
    ['2026-11-20T19:05:00Z', '2026-11-20T19:05:00.000Z'],
    ['2026-11-20T19:05:00.5Z', '2026-11-20T19:05:00.500Z'],
    ['2026-11-20T19:05:00.123456789Z', '2026-11-20T19:05:00.123Z'],
    ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000Z'],
    ['3000-01-01T00:00:00Z', '3000-01-01T00:00:00.000Z'],
  ])('%s', (text, iso) => {
    expect(parseTimestamp(text)?.toISOString()).toBe(iso);
  });

  test.each([
    '',
    '2026-11-20',
    '2026-11-20T19:05Z',
    '2026-11-20T19:05:00',
    '2026-11-20T19:05:00+00:00',
    '2026-11-20 19:05:00Z',
    '2026-11-20t19:05:00z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:60:00Z',
    '2026-12-31T23:59:60Z',
    '+02026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    '2026-01-01T00:00:00.Z',
  ])('%j is none', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
    expect(parseWith(timestamp, text)).toEqual({
      ok: false,
      problem: { field: '', message: 'expected a time in UTC such as 2026-11-20T19:05:00Z' },
    });
  });

  test('what is written is read back, in whole seconds', () => {
    const range = { min: new Date('0100-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z') };
    fc.assert(
      fc.property(fc.date({ ...range, noInvalidDate: true }), (time) => {
        const whole = Math.floor(time.getTime() / 1000) * 1000;
        expect(parseTimestamp(formatTimestamp(time))?.getTime()).toBe(whole);
      }),
    );
  });
});

describe('names', () => {
  test.each(['a', 'example-bot', '0', 'A.b_c-d', 'a'.repeat(63)])('%s', (text) => {
    expect(parseWith(name, text)).toEqual({ ok: true, value: text });
  });

  test.each(['', '-a', '.a', '_a', '..', 'a b', 'a/b', 'a!b', 'a\n', 'ä', 'a'.repeat(64)])(
    '%j is none',
    (text) => {
      expect(parseWith(name, text)).toMatchObject({
        ok: false,
        problem: { message: 'expected 1 to 63 letters, digits, dots, dashes or underscores' },
      });
    },
  );
});

describe('GUIDs', () => {
  test('are in lower case once they are read', () => {
    expect(parseWith(guid, 'ABCDEF00-1111-2222-3333-444444444444')).toEqual({
      ok: true,
      value: 'abcdef00-1111-2222-3333-444444444444',
    });
  });

  test.each([
    '',
    '11111111111111111111111111111111',
    '{11111111-1111-1111-1111-111111111111}',
    '11111111-1111-1111-1111-11111111111',
    '11111111-1111-1111-1111-111111111111\n',
    'g1111111-1111-1111-1111-111111111111',
  ])('%j is none', (text) => {
    expect(parseWith(guid, text)).toMatchObject({
      ok: false,
      problem: { message: 'expected a GUID' },
    });
  });
});
