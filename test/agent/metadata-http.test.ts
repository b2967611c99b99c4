/** How Azure's metadata service is asked, and how patiently for each answer. */
import { describe, expect, test } from 'vitest';
import { type HttpAnswer, type HttpRequest, NoAnswer } from '../../agent/http.ts';
import { createLog } from '../../agent/log.ts';
import { AZURE_METADATA_SERVICE, askMetadataOf } from '../../agent/metadata-http.ts';
import { createClock } from './clock.ts';

const BASE = 'http://169.254.169.254';

/** The service gives these answers in turn, and the last one for ever: a status with what `Retry-After` says, or none. */
function setUp(...told: readonly (readonly [status: number, after?: string] | Error)[]) {
  const clock = createClock();
  const asked: HttpRequest[] = [];
  const lines: string[] = [];
  const stop = new AbortController();
  const imds = async (request: HttpRequest): Promise<HttpAnswer> => {
    const answer = told[Math.min(asked.length, told.length - 1)];
    asked.push(request);
    if (asked.length > 100) throw new Error('it asks for ever');
    if (!answer || answer instanceof Error) throw answer;
    const [status, after] = answer;
    return {
      status,
      header: (name) => (name === 'retry-after' ? after : undefined),
      body: Buffer.of(),
    };
  };
  const log = createLog({
    format: 'text',
    debug: true,
    write: (line) => lines.push(line),
    now: clock.now,
  });
  const effects = { clock, random: () => 1, imds, log, stop: stop.signal };
  const ask = askMetadataOf(BASE, effects, async () => 'It is a toaster.');
  return { ask: () => ask('a/b', { nonce: '1&2' }), clock, asked, lines, stop };
}

test('the service is where Azure has it', () => {
  expect(AZURE_METADATA_SERVICE).toBe(BASE);
});

test('asks with the header that keeps others out, and with limits', async () => {
  const { ask, asked, stop } = setUp([200]);
  expect((await ask()).status).toBe(200);
  expect(asked).toStrictEqual([
    {
      method: 'GET',
      url: `${BASE}/metadata/a/b?nonce=1%262`,
      headers: { metadata: 'true' },
      timeoutMs: 10_000,
      mostBytes: 64 * 1024,
      stop: stop.signal,
    },
  ]);
});

describe('asks again', () => {
  test.each([404, 429, 500, 503])('after status %i, six times in all', async (status) => {
    const { ask, clock, lines } = setUp([status]);
    expect((await ask()).status).toBe(status);
    expect(clock.sleeps).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(lines[0]).toContain(`metadata service, a/b: status ${status}; asking again in 1000 ms`);
  });

  test.each([
    ['7', 7000],
    ['0', 1000],
  ])('when it wants to be, and not before its own time: %s', async (after, wait) => {
    const { ask, clock } = setUp([503, after], [200]);
    expect((await ask()).status).toBe(200);
    expect(clock.sleeps).toEqual([wait]);
  });

  test('for 70 seconds while it is being updated, and no longer', async () => {
    const exactly = setUp([410, '35']);
    expect((await exactly.ask()).status).toBe(410);
    expect(exactly.clock.sleeps).toEqual([35_000, 35_000]);
    const longer = setUp([410, '36']);
    expect((await longer.ask()).status).toBe(410);
    expect(longer.clock.sleeps).toEqual([36_000]);
  });

  test('three times in all where nothing answers, and says what this machine is', async () => {
    const none = new NoAnswer('no answer within 10 s');
    const { ask, asked, lines } = setUp(none);
    await expect(ask()).rejects.toMatchObject({
      code: 'metadata',
      message: `Azure's metadata service at ${BASE} can't be reached: no answer within 10 s. It is a toaster.`,
      cause: none,
    });
    expect(asked).toHaveLength(3);
    expect(lines[0]).toContain('a/b: no answer within 10 s; asking again in 1000 ms');
  });
});

test.each([200, 400, 403, 405, 411])('takes status %i for an answer', async (status) => {
  const { ask, asked } = setUp([status]);
  expect((await ask()).status).toBe(status);
  expect(asked).toHaveLength(1);
});

describe('ends', () => {
  test('when the agent is to stop: after a wait, and where the stop was why nothing answered', async () => {
    const waiting = setUp([500]);
    waiting.clock.onSleep = () => waiting.stop.abort();
    await expect(waiting.ask()).rejects.toMatchObject({ code: 'stopped' });
    expect(waiting.asked).toHaveLength(1);
    const asking = setUp(new NoAnswer('stopped'));
    asking.stop.abort();
    await expect(asking.ask()).rejects.toMatchObject({ code: 'stopped' });
    expect(asking.clock.sleeps).toEqual([]);
  });

  test('with an error of our own as it is', async () => {
    const error = new TypeError('x is not a function');
    await expect(setUp(error).ask()).rejects.toBe(error);
  });
});
