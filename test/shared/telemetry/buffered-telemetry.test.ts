import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type BufferedTelemetryOptions,
  createBufferedTelemetry,
  type Exporter,
} from '../../../shared/telemetry/buffered-telemetry.ts';
import type { AuditEvent } from '../../../shared/telemetry/telemetry.ts';
import { createClock } from '../../broker/test-broker.ts';

afterEach(() => {
  vi.useRealTimers();
});

function rig(options: Partial<BufferedTelemetryOptions> & { flush?: () => Promise<void> } = {}) {
  const clock = createClock();
  const sent: unknown[][] = [];
  const log: string[] = [];
  let opened = 0;
  const exporter: Exporter = {
    audit: ({ event }, requestId, at) => void sent.push([event, requestId, at.toISOString()]),
    measure: (metric, value) => void sent.push([metric, value]),
    flush: options.flush ?? (async () => void sent.push(['flush'])),
    close: async () => void sent.push(['close']),
  };
  const telemetry = createBufferedTelemetry({
    open: async () => {
      opened += 1;
      return exporter;
    },
    now: clock.now,
    write: (line) => log.push(line),
    ...options,
  });
  return { clock, sent, log, telemetry, exporter, opened: () => opened };
}

const KEYS: AuditEvent = { event: 'keys', actions: ['create tls 1'] };
const coldStart = ['cold_starts', 1];

test('what is recorded before the exporter is there is passed on in order, with its own time', async () => {
  const { clock, sent, telemetry } = rig();
  telemetry.audit(KEYS, 'one');
  telemetry.measure('cold_starts', 1, { trigger: 'http' });
  clock.advance(30);
  telemetry.audit(KEYS, 'two');
  expect(sent).toEqual([]);
  await telemetry.load();
  expect(sent).toEqual([
    ['keys', 'one', '2026-11-20T12:00:00.000Z'],
    coldStart,
    ['keys', 'two', '2026-11-20T12:00:30.000Z'],
  ]);
});

test('later it is passed on at once, and the invocation log gets nothing', async () => {
  const { sent, log, telemetry } = rig();
  await telemetry.load();
  const lines: string[] = [];
  telemetry.audit(KEYS, 'one', (line) => lines.push(line));
  telemetry.measure('cold_starts', 1, { trigger: 'http' });
  expect(sent).toEqual([['keys', 'one', '2026-11-20T12:00:00.000Z'], coldStart]);
  expect([...lines, ...log]).toEqual([]);
});

test('what is recorded while the exporter opens comes after what was kept', async () => {
  const opening = Promise.withResolvers<Exporter>();
  const { sent, telemetry, exporter } = rig({ open: () => opening.promise });
  telemetry.audit(KEYS, 'one');
  const loaded = telemetry.load();
  telemetry.audit(KEYS, 'two');
  opening.resolve(exporter);
  await loaded;
  expect(sent.map(([, id]) => id)).toEqual(['one', 'two']);
});

test('the exporter is opened once, whoever asks', async () => {
  const { telemetry, opened } = rig();
  telemetry.measure('cold_starts', 1, { trigger: 'http' });
  await Promise.all([telemetry.load(), telemetry.load(), telemetry.drain()]);
  expect(opened()).toBe(1);
});

test('more than the exporter can queue is passed on in parts, sent in between', async () => {
  const { sent, telemetry } = rig();
  for (let i = 0; i < 2500; i += 1) telemetry.measure('cold_starts', 1, { trigger: 'http' });
  await telemetry.load();
  const flushes = sent.flatMap(([what], i) => (what === 'flush' ? [i] : []));
  expect(flushes).toEqual([1000, 2001]);
  expect(sent).toHaveLength(2502);
});

test('the exporter is opened when there is half as much as can be kept', async () => {
  const { telemetry, opened } = rig({ most: 10 });
  for (let i = 0; i < 4; i += 1) telemetry.measure('cold_starts', 1, { trigger: 'http' });
  expect(opened()).toBe(0);
  telemetry.measure('cold_starts', 1, { trigger: 'http' });
  expect(opened()).toBe(1);
});

test('where no more can be kept, audit events become log lines and lost measurements are told', async () => {
  const opening = Promise.withResolvers<Exporter>();
  const { sent, log, telemetry, exporter } = rig({ most: 2, open: () => opening.promise });
  for (let i = 0; i < 5; i += 1) telemetry.measure('cold_starts', 1, { trigger: 'http' });
  telemetry.audit(KEYS, 'one');
  expect(log.map((line) => JSON.parse(line))).toEqual([
    { time: '2026-11-20T12:00:00.000Z', request_id: 'one', ...KEYS },
  ]);
  const events: AuditEvent[] = [];
  const { audit } = exporter;
  exporter.audit = (event, ...rest) => {
    events.push(event);
    audit(event, ...rest);
  };
  opening.resolve(exporter);
  await telemetry.load();
  expect(sent).toEqual([coldStart, coldStart, ['failure', 'none', '2026-11-20T12:00:00.000Z']]);
  expect(events[0]).toMatchObject({
    detail: '3 measurements were lost before the exporter was there',
  });
});

test('where the exporter can not be opened, the log says so and gets every audit event', async () => {
  const { log, telemetry } = rig({ open: () => Promise.reject(new Error('no such file')) });
  telemetry.audit(KEYS, 'one');
  await telemetry.load();
  telemetry.audit(KEYS, 'two');
  await telemetry.drain();
  expect(log.map((line) => JSON.parse(line))).toMatchObject([
    { event: 'failure', detail: 'Application Insights can not be used: Error: no such file' },
    { event: 'keys', request_id: 'one' },
    { event: 'keys', request_id: 'two' },
  ]);
});

describe('at the end', () => {
  test('what is kept is sent, even if nobody was ever idle', async () => {
    const { sent, telemetry } = rig();
    telemetry.audit(KEYS, 'one');
    await telemetry.drain();
    expect(sent).toEqual([['keys', 'one', '2026-11-20T12:00:00.000Z'], ['close']]);
  });

  test('nothing is opened where there is nothing to send', async () => {
    const { telemetry, opened } = rig();
    await telemetry.drain();
    expect(opened()).toBe(0);
  });

  test('a service that does not answer is waited for no longer than 4.5 seconds', async () => {
    vi.useFakeTimers();
    const { log, telemetry } = rig({ open: () => new Promise(() => {}) });
    telemetry.audit(KEYS, 'one');
    let drained = false;
    const drain = telemetry.drain().then(() => {
      drained = true;
    });
    await vi.advanceTimersByTimeAsync(4499);
    expect(drained).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await drain;
    expect(log.map((line) => JSON.parse(line))).toMatchObject([
      { event: 'failure', detail: 'telemetry could not be sent: not done within 4500 ms' },
    ]);
  });
});
