import { expect, test } from 'vitest';
import { durationText, readDuration } from '../../agent/duration.ts';

test.each([
  ['1h', 3600],
  ['1h30m', 5400],
  ['1.5h', 5400],
  ['1.1h', 3960],
  ['0.5m', 30],
  ['90s', 90],
  ['1h0m0s', 3600],
  ['1.125h', 4050],
  ['24h', 86_400],
  ['100h10m10s', 360_610],
  ['0.25m', 15],
  ['999999s', 999_999],
  ['1m1s', 61],
])('%s is %i seconds', (text, seconds) => {
  expect(readDuration(text)).toBe(seconds);
});

test.each([
  '',
  '1',
  '3600',
  '1d',
  '1 h',
  '-1h',
  '0s',
  '1.0001h',
  '1.5s',
  '0.001h',
  '1h1h',
  '1m1h',
  '.5h',
  '1e3s',
  '1000000s',
  '1000000m',
  '1000000h',
  '1.123h',
  ' 1h',
  '1h ',
  '1s1m',
])('%j is no duration', (text) => {
  expect(readDuration(text)).toBeUndefined();
});

test('a field of the config file is a duration or is told what one is', () => {
  expect(durationText.safeParse('1h30m')).toMatchObject({ success: true, data: '1h30m' });
  expect(durationText.safeParse('1d').error?.issues[0]?.message).toBe(
    'expected a duration such as 24h, 30m or 1h30m',
  );
});
