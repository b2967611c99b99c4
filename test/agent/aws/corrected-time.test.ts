import { expect, test } from 'vitest';
import { correctedTime } from '../../../agent/aws/corrected-time.ts';

const NOW = new Date('2026-11-20T19:05:00Z');

test("is the other machine's", () => {
  expect(correctedTime('Fri, 20 Nov 2026 21:07:03 GMT', NOW)).toEqual(
    new Date('2026-11-20T21:07:03Z'),
  );
});

test.each([
  undefined,
  '',
  'soon',
  '2026-11-20T21:07:03Z',
  'Thu, 20 Nov 2026 21:07:03 GMT',
  'Fri, 20 Nov 2026 21:07:03 +0000',
  'Friday, 20-Nov-26 21:07:03 GMT',
  'Fri, 31 Nov 2026 21:07:03 GMT',
])('is the own one where the header is %j', (header) => {
  expect(correctedTime(header, NOW)).toBe(NOW);
});
