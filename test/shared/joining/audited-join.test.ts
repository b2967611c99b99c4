import { describe, expect, test } from 'vitest';
import { auditedJoin } from '../../../shared/joining/audited-join.ts';
import { denied, justAsked, Refusal, unavailable } from '../../../shared/refusal.ts';
import type { AuditEvent } from '../../../shared/telemetry/telemetry.ts';
import { recorded } from '../telemetry/recorded.ts';

const ATTEMPT = { joined: true };

interface Options {
  readonly fails?: unknown;
  readonly isProbe?: () => Promise<boolean>;
  readonly known?: true;
  readonly isSampledOut?: true;
  readonly logFails?: true;
}

async function attempt(options: Options = {}) {
  const events: AuditEvent[] = [];
  const telemetry = recorded();
  const logged: string[] = [];
  const ended = auditedJoin(
    async (report) => {
      report({ join_method: 'azure', system_role: 'Bot', bot: 'example' });
      if (options.known) report({ known: true });
      if (options.fails !== undefined) throw options.fails;
      return ATTEMPT;
    },
    options.isProbe ?? (async () => false),
    {
      call: { requestId: 'id' },
      telemetry: telemetry.around({ audit: (event) => void events.push(event), measure() {} }),
      sample: { take: () => !options.isSampledOut, tell() {} },
      log: async (id, event, known) => {
        logged.push(`${id} ${event.outcome} ${known}`);
        if (options.logFails && event.outcome === 'admitted') throw unavailable('the log is full');
      },
      now: () => new Date(0),
    },
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

test("keys that can not be read to check the mark make a denial anybody's", async () => {
  const { event } = await attempt({
    isProbe: () => Promise.reject(unavailable('no keys')),
    fails: denied('rule_mismatch', 'no rule'),
  });
  expect(event).toMatchObject({ outcome: 'denied', reason: 'rule_mismatch' });
});

test('the join log gets every attempt but denied probes: those leave nothing behind', async () => {
  const fails = denied('rule_mismatch', 'no rule');
  expect((await attempt()).logged).toEqual(['id admitted false']);
  expect((await attempt({ fails })).logged).toEqual(['id denied false']);
  expect((await attempt({ fails, known: true })).logged).toEqual(['id denied true']);
  expect((await attempt({ fails, isProbe: probe })).logged).toEqual([]);
  expect((await attempt({ isProbe: probe })).logged).toEqual(['id admitted false']);
});

describe('an attempt that the sample leaves out', () => {
  const fails = denied('rule_mismatch', 'no rule');

  test('leaves no line, and counts', async () => {
    const { told, joins } = await attempt({ fails, isSampledOut: true });
    expect(told).toBe(0);
    expect(joins).toMatchObject({ outcome: 'denied', reason: 'rule_mismatch', caller: 'unknown' });
  });

  test.each<[string, Options]>([
    ['an admission', {}],
    ['a machine that a rule names', { fails, known: true }],
    ['a probe', { fails, isProbe: probe }],
  ])('is never %s', async (_, options) => {
    expect((await attempt({ ...options, isSampledOut: true })).told).toBe(1);
  });

  test('still shows a sign of theft', async () => {
    const theft = denied('secret_used', 'used');
    const { event } = await attempt({ fails: theft, isSampledOut: true });
    expect(event).toMatchObject({ event: 'security', sign: 'secret_used' });
  });
});

test('an admission that the join log can not keep is none', async () => {
  const { result, event, joins } = await attempt({ known: true, logFails: true });
  expect(result).toMatchObject({ status: 'rejected', reason: { message: 'the log is full' } });
  expect(event).toMatchObject({ outcome: 'failed', code: 'unavailable' });
  expect(joins).toMatchObject({ reason: 'unavailable', caller: 'known' });
});

test('what a caller can bring about alone is counted apart, so that it wakes nobody', async () => {
  const { joins } = await attempt({ fails: justAsked('just looked for', 30) });
  expect(joins).toMatchObject({ outcome: 'failed', reason: 'unavailable_to_caller' });
});
