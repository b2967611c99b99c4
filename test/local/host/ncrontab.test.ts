import { describe, expect, test } from 'vitest';
import { nextOccurrence } from '../../../local/host/ncrontab.ts';

const next = (schedule: string, after: string) =>
  nextOccurrence(schedule, new Date(after)).toISOString().replace('.000Z', 'Z');

describe('NCRONTAB', () => {
  test.each([
    ['* * * * * *', '2026-11-20T10:00:00.400Z', '2026-11-20T10:00:01Z'],
    ['0 */5 * * * *', '2026-11-20T10:00:00Z', '2026-11-20T10:05:00Z'],
    ['*/15 * * * *', '2026-11-20T10:50:30Z', '2026-11-20T11:00:00Z'],
    ['30 10-20/5,59 * * * *', '2026-11-20T10:15:30Z', '2026-11-20T10:20:30Z'],
    ['0 7/20 * * * *', '2026-11-20T10:27:00Z', '2026-11-20T10:47:00Z'],
    ['0 0 3 * * *', '2026-12-31T03:00:00Z', '2027-01-01T03:00:00Z'],
    ['0 0 0 29 feb *', '2026-11-20T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['0 0 0 29 2 mon', '2026-11-20T00:00:00Z', '2044-02-29T00:00:00Z'],
    ['0 30 6 * * Mon-Fri', '2026-11-20T06:30:00Z', '2026-11-23T06:30:00Z'],
    ['59 59 23 31 12 *', '2026-11-20T00:00:00Z', '2026-12-31T23:59:59Z'],
  ])('%s after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  test.each([
    ['* * * *', 'six fields'],
    ['60 * * * * *', 'no valid second'],
    ['0 0 24 * * *', 'no valid hour'],
    ['0 0 0 0 * *', 'no valid day'],
    ['0 0 0 1 foo *', 'no valid month'],
    ['0 0 0 1 1 7', 'no valid day of week'],
    ['0 */0 * * * *', 'no valid minute'],
    ['0 9-5 * * * *', 'no valid minute'],
    ['00:05:00', 'six fields'],
    ['0 0 0 31 2 *', 'names no time'],
  ])('%s is refused: %s', (schedule, reason) => {
    expect(() => next(schedule, '2026-11-20T00:00:00Z')).toThrow(reason);
  });
});
