import { describe, expect, test } from 'vitest';
import { auditedJoin } from '../../../shared/joining/audited-join.ts';
import { denied, Refusal, unavailable } from '../../../shared/refusal.ts';
import type { AuditEvent } from '../../../shared/telemetry/telemetry.ts';
import { recorded } from '../telemetry/recorded.ts';

const ATTEMPT = { joined: true };

async function attempt(options: { fails?: unknown; isProbe?: () => Promise<boolean> } = {}) {
  const events: AuditEvent[] = [];
  const telemetry = recorded();
  const logged: string[] = [];
  const ended = auditedJoin(
    async (report) => {
      report({ join_method: 'azure', system_role: 'Bot', bot: 'example' });
      if (options.fails !== undefined) throw options.fails;
      return ATTEMPT;
    },
    options.isProbe ?? (async () => false),
    { requestId: 'id' },
    telemetry.around({ audit: (event) => void events.push(event), measure() {} }),
    (id, event) => logged.push(`${id} ${event.outcome}`),
  );
  const [result] = await Promise.allSettled([ended]);
  const [joins] = telemetry.measured;
  return { result, event: events[0], told: events.length, joins: joins?.dimensions, logged };
}

const probe = async (): Promise<boolean> => true;

test('an admission of the prober is an admission: the mark hides nothing', async () => {
  const { result, event, joins } = await attempt({ isProbe: probe });
  expect(result).toEqual({ status: 'fulfilled', value: ATTEMPT });
  expect(event).toMatchObject({ outcome: 'admitted', bot: 'example' });
  expect(joins).toMatchObject({ outcome: 'admitted', reason: 'none' });
});

describe('ends as it ended, and is told once:', () => {
  test.each<[string, unknown, object, object]>([
    [
      'a denial',
      denied('rule_mismatch', 'no rule'),
      { outcome: 'denied', code: 'access_denied', reason: 'rule_mismatch', detail: 'no rule' },
      { outcome: 'denied', reason: 'rule_mismatch' },
    ],
    [
      'a failure with a field',
      new Refusal('bad_request', 'expected a name', { field: 'request.token' }),
      { outcome: 'failed', code: 'bad_request', detail: 'request.token: expected a name' },
      { outcome: 'failed', reason: 'bad_request' },
    ],
    [
      'a failure of storage',
      unavailable('no storage'),
      { outcome: 'failed', code: 'unavailable', detail: 'no storage' },
      { outcome: 'failed', reason: 'unavailable' },
    ],
    [
      'a mistake of our own',
      new TypeError('x is not a function'),
      { outcome: 'failed', code: 'internal', detail: 'TypeError: x is not a function' },
      { outcome: 'failed', reason: 'internal' },
    ],
    [
      'a refusal that joins do not end with',
      new Refusal('not_found', 'nothing here'),
      { outcome: 'failed', code: 'not_found' },
      { outcome: 'failed', reason: 'internal' },
    ],
  ])('%s', async (_, fails, event, joins) => {
    const ended = await attempt({ fails });
    expect(ended.result).toEqual({ status: 'rejected', reason: fails });
    expect(ended.told).toBe(1);
    expect(ended.event).toMatchObject(event);
    expect(ended.joins).toMatchObject(joins);
  });
});

test("the prober's failure is the broker's trouble, not a probe's denial", async () => {
  const { joins } = await attempt({ isProbe: probe, fails: unavailable('no storage') });
  expect(joins).toMatchObject({ outcome: 'failed', reason: 'unavailable' });
});

test('keys that can not be read to check the mark are a failed attempt, told as such', async () => {
  const { event } = await attempt({ isProbe: () => Promise.reject(unavailable('no keys')) });
  expect(event).toMatchObject({ outcome: 'failed', code: 'unavailable', detail: 'no keys' });
});

test('the join log gets every attempt but denied probes: those leave nothing behind', async () => {
  const fails = denied('rule_mismatch', 'no rule');
  expect((await attempt()).logged).toEqual(['id admitted']);
  expect((await attempt({ fails })).logged).toEqual(['id denied']);
  expect((await attempt({ fails, isProbe: probe })).logged).toEqual([]);
  expect((await attempt({ isProbe: probe })).logged).toEqual(['id admitted']);
});
