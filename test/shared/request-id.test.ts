import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstRequestId, makeRequestId } from '../../shared/request-id.ts';

const time = fc.date({
  min: new Date(0),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
});

test('is a UUID of version 7 with its time in the first 48 bits', () => {
  fc.assert(
    fc.property(time, (at) => {
      const id = makeRequestId(at);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(at.getTime());
    }),
  );
});

test('ids sort by time', () => {
  fc.assert(
    fc.property(time, time, (a, b) => {
      fc.pre(a < b);
      expect(makeRequestId(a) < makeRequestId(b)).toBe(true);
    }),
  );
});

test('ids of one moment differ', () => {
  const ids = Array.from({ length: 1000 }, () => makeRequestId(new Date(0)));
  expect(new Set(ids).size).toBe(1000);
});

test('ids of one process end alike, so that what it writes at once goes to one place', () => {
  const ends = Array.from({ length: 100 }, () => makeRequestId(new Date()).at(-1));
  expect(new Set(ends).size).toBe(1);
});

test('what stands before the ids of a time stands behind those of before', () => {
  fc.assert(
    fc.property(time, (at) => {
      fc.pre(at.getTime() > 0);
      expect(firstRequestId(at) < makeRequestId(at)).toBe(true);
      expect(firstRequestId(at) > makeRequestId(new Date(at.getTime() - 1))).toBe(true);
    }),
  );
});
