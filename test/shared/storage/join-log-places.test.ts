import { describe, expect, test } from 'vitest';
import { makeRequestId } from '../../../shared/request-id.ts';
import {
  ANCHORS,
  isRefusal,
  isRequestId,
  JOIN_LOG_DAYS,
  justBefore,
  minuteOf,
  partitionOf,
  refusalsOf,
  WRITERS,
} from '../../../shared/storage/join-log-places.ts';

const TIME = new Date('2026-11-20T09:07:59.999Z');
const ID = makeRequestId(TIME);

test('everything that finds an attempt is in its request id', () => {
  expect(minuteOf(TIME)).toBe('20261120T0907');
  expect(partitionOf(ID)).toBe(`20261120T0907-${ID.at(-1)}`);
  expect(refusalsOf(ID)).toBe('refused-20261120T0907');
});

test.each([
  [ID, true],
  [ID.slice(1), false],
  ['', false],
  ['1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11', false],
])('%s is a request id: %s', (text, expected) => {
  expect(isRequestId(text)).toBe(expected);
});

test('rows are where earlier versions put them, for as long as the documents say', () => {
  expect([WRITERS, ANCHORS, JOIN_LOG_DAYS]).toEqual(['writers', 'anchors', 30]);
});

describe('just before a minute sorts after all of the minute before', () => {
  test.each(['20261120T0900', '20261120T0959', '20261120T0901', '20261120T0910'])(
    '%s',
    (minute) => {
      const [year, month, day, hour, min] = [0, 4, 6, 9, 11].map((at, i) =>
        Number(minute.slice(at, at + (i === 0 ? 4 : 2))),
      ) as [number, number, number, number, number];
      const before = minuteOf(new Date(Date.UTC(year, month - 1, day, hour, min - 1)));
      expect(justBefore(minute) > `${before}-f`).toBe(true);
      expect(justBefore(minute) < `${minute}-0`).toBe(true);
    },
  );
});

test.each<[object, boolean]>([
  [{ outcome: 'admitted' }, false],
  [{ outcome: 'denied' }, true],
  [{ outcome: 'failed', detail: '"outcome":"admitted"' }, true],
])('of %j it is a refusal: %s', (record, expected) => {
  const values = { json: JSON.stringify(record) };
  expect(isRefusal({ partition: 'p', key: ID, values })).toBe(expected);
});
