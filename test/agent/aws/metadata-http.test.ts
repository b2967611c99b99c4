/** How patiently AWS's metadata services are asked, and within which limits. */
import { describe, expect, test } from 'vitest';
import { askMetadata } from '../../../agent/aws/metadata-http.ts';
import { type HttpAnswer, type HttpRequest, NoAnswer } from '../../../agent/http.ts';
import { createLog } from '../../../agent/log.ts';
import { createClock } from '../clock.ts';

const WANTED = { method: 'GET', url: 'http://169.254.169.254/x', headers: { a: 'b' } } as const;

/** Whoever is asked does this each time. */
function setUp(answer: () => number | Error) {
  const clock = createClock();
  const asked: HttpRequest[] = [];
  const lines: string[] = [];
  const stop = new AbortController();
  const imds = async (request: HttpRequest): Promise<HttpAnswer> => {
    asked.push(request);
    if (asked.length > 100) throw new Error('it asks for ever');
    const status = answer();
    if (status instanceof Error) throw status;
    return { status, header: () => undefined, body: Buffer.of() };
  };
  const write = (line: string) => lines.push(line);
  const log = createLog({ format: 'text', debug: true, write, now: clock.now });
  const effects = { clock, random: () => 1, imds, log, stop: stop.signal };
  return { ask: () => askMetadata(effects, WANTED), clock, asked, lines, stop };
}

test('once is enough for an answer, within five seconds and 64 KiB', async () => {
  const { ask, asked, stop } = setUp(() => 200);
  expect(await ask()).toMatchObject({ status: 200 });
  expect(asked).toStrictEqual([
    { ...WANTED, timeoutMs: 5000, mostBytes: 64 * 1024, stop: stop.signal },
  ]);
});

describe('four times, and then what came last is given:', () => {
  test.each([429, 500, 503])('status %i', async (status) => {
    const { ask, clock, lines } = setUp(() => status);
    expect(await ask()).toMatchObject({ status });
    expect(clock.sleeps).toEqual([500, 1000, 2000]);
    expect(lines[0]).toContain(`AWS's metadata service: status ${status}; asking again`);
  });

  test('no answer', async () => {
    const none = new NoAnswer('the connection was refused');
    const { ask, asked, lines } = setUp(() => none);
    expect(await ask()).toBe(none);
    expect(asked).toHaveLength(4);
    expect(lines[0]).toContain('service: the connection was refused; asking again');
  });
});

test.each([400, 403, 404, 428, 430, 499])('status %i gets no better', async (status) => {
  const { ask, asked } = setUp(() => status);
  expect(await ask()).toMatchObject({ status });
  expect(asked).toHaveLength(1);
});

describe('ends', () => {
  test('when the agent is to stop, while it asks and while it waits', async () => {
    const asking = setUp(() => {
      asking.stop.abort();
      return 200;
    });
    await expect(asking.ask()).rejects.toMatchObject({ code: 'stopped' });
    const waiting = setUp(() => 503);
    waiting.clock.onSleep = () => waiting.stop.abort();
    await expect(waiting.ask()).rejects.toMatchObject({ code: 'stopped' });
    expect(waiting.asked).toHaveLength(1);
  });

  test('with an error of our own as it is', async () => {
    const error = new TypeError('x is not a function');
    await expect(setUp(() => error).ask()).rejects.toBe(error);
  });
});
