import { describe, expect, test, vi } from 'vitest';
import { auditedJoin } from '../../../shared/joining/audited-join.ts';
import type { Report } from '../../../shared/joining/report.ts';
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
  /** What the attempt has reported before it ends. */
  readonly reports?: Parameters<Report>[0];
  readonly client?: string;
}

async function attempt(options: Options = {}) {
  const events: AuditEvent[] = [];
  const telemetry = recorded();
  const logged: string[] = [];
  const clients: unknown[] = [];
  const ended = auditedJoin(
    async (report) => {
      report(options.reports ?? { join_method: 'azure', system_role: 'Bot', bot: 'example' });
      if (options.known) report({ known: true });
      if (options.fails !== undefined) throw options.fails;
      return ATTEMPT;
    },
    options.isProbe ?? (async () => false),
    {
      call: { requestId: 'id', ...(options.client !== undefined && { client: options.client }) },
      telemetry: telemetry.around({ audit: (event) => void events.push(event), measure() {} }),
      sample: { take: () => !options.isSampledOut, tell() {} },
      log: async (id, event) => {
        logged.push(`${id} ${event.outcome}`);
        clients.push(event.client);
        if (options.logFails && event.outcome === 'admitted') throw unavailable('the log is full');
      },
      now: () => new Date(0),
    },
  );
  const [result] = await Promise.allSettled([ended]);
  const [joins] = telemetry.measured;
  return {
    result,
    event: events[0],
    told: events.length,
    joins: joins?.dimensions,
    logged,
    clients,
    events,
    telemetry,
  };
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
  expect((await attempt()).logged).toEqual(['id admitted']);
  expect((await attempt({ fails })).logged).toEqual(['id denied']);
  expect((await attempt({ fails, known: true })).logged).toEqual(['id denied']);
  expect((await attempt({ fails, isProbe: probe })).logged).toEqual([]);
  expect((await attempt({ isProbe: probe })).logged).toEqual(['id admitted']);
});

describe('an attempt that the sample leaves out', () => {
  const fails = denied('rule_mismatch', 'no rule');

  test('leaves neither line nor row, and counts', async () => {
    const { told, joins, logged } = await attempt({ fails, isSampledOut: true });
    expect({ told, logged }).toEqual({ told: 0, logged: [] });
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

test('what failed before anything was known of it counts as of no method and no role', async () => {
  const { telemetry, event } = await attempt({ fails: unavailable('x'), reports: {} });
  expect(telemetry.measured).toMatchObject([
    { metric: 'joins', value: 1, dimensions: { method: 'none', role: 'none' } },
    { metric: 'join_milliseconds', dimensions: { method: 'none', outcome: 'failed' } },
  ]);
  expect(event).not.toHaveProperty('reason');
});

test('how long it took is told and measured', async () => {
  const now = vi.spyOn(performance, 'now').mockReturnValueOnce(1000).mockReturnValue(1250.4);
  const { event, telemetry } = await attempt();
  now.mockRestore();
  expect(event).toMatchObject({ duration_ms: 250 });
  expect(telemetry.values('join_milliseconds', { method: 'azure', outcome: 'admitted' })).toEqual([
    250,
  ]);
});

test('the address of the caller is told where it is known', async () => {
  const { event, clients } = await attempt({ client: '203.0.113.7:1' });
  expect([event, { client: clients[0] }]).toMatchObject([
    { client: '203.0.113.7:1' },
    { client: '203.0.113.7:1' },
  ]);
  expect((await attempt()).event).not.toHaveProperty('client');
});

describe('beside the line of the attempt there is one of its own, with whose it is, for', () => {
  const facts = { join_token: 'token', bot: 'example', instance_id: 'i1' };
  const reports = { join_method: 'azure', system_role: 'Bot', ...facts } as const;
  const client = '203.0.113.7:1';

  test('another live instance of the machine', async () => {
    const ended = await attempt({ reports: { ...reports, beside: ['i0'] }, client });
    expect(ended.events[1]).toEqual({
      event: 'second_instance',
      ...facts,
      client,
      beside: ['i0'],
    });
    expect(ended.telemetry.measured.at(-1)).toEqual({
      metric: 'second_instances',
      value: 1,
      dimensions: { method: 'azure', role: 'Bot' },
    });
  });

  test('none where there is none, or nobody knows of what', async () => {
    expect((await attempt({ reports })).told).toBe(1);
    for (const unknown of ['join_method', 'system_role'] as const) {
      const { [unknown]: _, ...rest } = { ...reports, beside: ['i0'] };
      expect((await attempt({ reports: rest })).told).toBe(1);
    }
  });

  test.each(['secret_used', 'copied_identity'] as const)('a sign of theft: %s', async (sign) => {
    const { events, telemetry } = await attempt({ fails: denied(sign, 'x'), reports, client });
    expect(events[1]).toEqual({ event: 'security', sign, ...facts, client });
    expect(telemetry.measured.at(-1)).toEqual({
      metric: 'theft_signs',
      value: 1,
      dimensions: { sign },
    });
  });

  test('a sign of theft of which nothing is known', async () => {
    const { events } = await attempt({ fails: denied('secret_used', 'x'), reports: {} });
    expect(events[1]).toStrictEqual({ event: 'security', sign: 'secret_used' });
  });

  test('none for what the prober forged', async () => {
    const { told, joins } = await attempt({
      fails: denied('secret_used', 'x'),
      isProbe: probe,
      reports,
    });
    expect(told).toBe(1);
    expect(joins).toMatchObject({ outcome: 'probe', reason: 'secret_used' });
  });
});

test("the prober's input that is refused is a probe, too", async () => {
  const fails = new Refusal('bad_request', 'expected a name', { field: 'request.token' });
  const { event, logged, joins } = await attempt({ fails, isProbe: probe });
  expect(event).toMatchObject({ outcome: 'probe', code: 'bad_request' });
  expect(joins).toMatchObject({ outcome: 'probe', reason: 'none' });
  expect(logged).toEqual([]);
});
