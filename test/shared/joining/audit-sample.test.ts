import { expect, test } from 'vitest';
import { createAuditSample } from '../../../shared/joining/audit-sample.ts';
import type { AuditEvent } from '../../../shared/telemetry/telemetry.ts';
import { recorded } from '../telemetry/recorded.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 20, 12) + seconds * 1000);

function setUp(perMinute: number) {
  const events: AuditEvent[] = [];
  const ids: string[] = [];
  const telemetry = recorded();
  const sample = createAuditSample(
    perMinute,
    telemetry.around({
      audit: (event, id) => void [events.push(event), ids.push(id)],
      measure() {},
    }),
  );
  return { sample, telemetry, events, ids };
}

test('so many a minute may leave a line; how many did not is measured at once and told with the next minute', () => {
  const { sample, telemetry, events } = setUp(2);
  expect([0, 1, 2, 59].map((seconds) => sample.take(at(seconds)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(telemetry.values('audit_lines_not_written')).toEqual([1, 1]);
  expect(events).toEqual([]);
  expect(sample.take(at(60))).toBe(true);
  expect(events).toEqual([{ event: 'sampled', not_written: 2 }]);
});

test('what is left to tell is told when the process ends, once', () => {
  const { sample, events, ids } = setUp(1);
  sample.take(at(0));
  sample.tell();
  sample.take(at(1));
  sample.tell();
  sample.tell();
  expect(events).toEqual([{ event: 'sampled', not_written: 1 }]);
  // It is about no request.
  expect(ids).toEqual(['none']);
});

test('0 leaves nothing out', () => {
  const { sample, telemetry } = setUp(0);
  expect([0, 0, 0].every((seconds) => sample.take(at(seconds)))).toBe(true);
  expect(telemetry.measured).toEqual([]);
});
