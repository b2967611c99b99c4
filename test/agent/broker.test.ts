/** The broker as a joiner sees it: what is sent, and what becomes of each answer. */
import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { type Broker, brokerAt } from '../../agent/broker.ts';
import { type HttpAnswer, type HttpRequest, NoAnswer } from '../../agent/http.ts';
import type { JoinBody } from '../../shared/protocol/join.ts';
import { PROBLEMS, type ProblemCode } from '../../shared/protocol/problem.ts';
import { VERSION } from '../../shared/protocol/version.ts';
import { createClock, START } from './clock.ts';
import { LISTS } from './signed-lists.ts';

const ADDRESS = 'https://broker.example.com';
const ID = '0198c0de-0000-7000-8000-000000000000';
const BODY = { request: '{}' } as JoinBody;

interface Told {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function answered({ status = 200, body = '', headers = {} }: Told): HttpAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, header: (name) => headers[name], body: Buffer.from(text) };
}

/** `broker` gets this answer to everything; `sent` is what it was asked. */
function createScene(told: Told | Error = {}, authorities?: string) {
  const sent: HttpRequest[] = [];
  const stop = new AbortController().signal;
  const web = async (request: HttpRequest): Promise<HttpAnswer> => {
    sent.push(request);
    if (told instanceof Error) throw told;
    return answered(told);
  };
  const broker = brokerAt(ADDRESS, { clock: createClock(), web, stop }, authorities);
  return { broker, sent, stop };
}

const problemOf = (code: ProblemCode, more: object = {}) => {
  const [status, title] = PROBLEMS[code];
  const body = { type: 'about:blank', title, status, code, request_id: ID, ...more };
  return { status, body };
};

describe('asks', () => {
  const ASKED = { accept: 'application/json', 'user-agent': `joinbot/${VERSION}` };
  const POSTED = { ...ASKED, 'content-type': 'application/json' };
  const BODY_OF = { body: '{"request":"{}"}' };
  const MINUTE = { timeoutMs: 60_000, mostBytes: 1024 * 1024 };
  const asking: readonly [string, (broker: Broker) => Promise<unknown>, object][] = [
    [
      'what it says of itself',
      (broker) => broker.discover(),
      { method: 'GET', url: `${ADDRESS}/v1/webapi/ping`, headers: ASKED, ...MINUTE },
    ],
    [
      'whom to trust',
      (broker) => broker.trust(),
      { method: 'GET', url: `${ADDRESS}/v1/trust`, headers: ASKED, ...MINUTE },
    ],
    [
      'to join',
      (broker) => broker.join(BODY),
      { method: 'POST', url: `${ADDRESS}/v1/join`, headers: POSTED, ...BODY_OF, ...MINUTE },
    ],
    [
      'to hear a heartbeat, for ten seconds',
      (broker) => broker.heartbeat(BODY as never),
      {
        ...{ method: 'POST', url: `${ADDRESS}/v1/heartbeat`, headers: POSTED, ...BODY_OF },
        ...{ ...MINUTE, timeoutMs: 10_000 },
      },
    ],
  ];

  test.each(asking)('%s', async (_, ask, expected) => {
    const { broker, sent, stop } = createScene();
    await ask(broker).catch(() => undefined);
    expect(sent).toStrictEqual([{ ...expected, stop }]);
  });

  test('what is revoked, until nobody waits for it any more', async () => {
    const { broker, sent } = createScene({ body: LISTS });
    const wake = new AbortController().signal;
    await broker.revoked('"known"', 500, wake);
    await broker.revoked(undefined, 500, wake);
    const wanted = {
      method: 'GET',
      url: `${ADDRESS}/v1/trust/revoked`,
      timeoutMs: 500,
      mostBytes: 16 * 1024 * 1024,
    };
    expect(sent).toStrictEqual([
      { ...wanted, headers: { ...ASKED, 'if-none-match': '"known"' }, stop: wake },
      { ...wanted, headers: ASKED, stop: wake },
    ]);
    expect(sent[0]?.stop).toBe(wake);
  });

  test('under the authorities of Node, and of the config where it has some', async () => {
    const { broker, sent } = createScene({}, 'own');
    await broker.trust().catch(() => undefined);
    expect(sent[0]?.authorities).toEqual([...rootCertificates, 'own']);
  });
});

describe('revocation lists', () => {
  const revoked = (told: Told, etag?: string) =>
    createScene(told).broker.revoked(etag, 500, new AbortController().signal);

  test.each([
    ['"a"', '"a"'],
    ['W/"a"', 'W/"a"'],
    ['""', '""'],
    [`"${'x'.repeat(256)}"`, `"${'x'.repeat(256)}"`],
    [`"${'x'.repeat(257)}"`, undefined],
    ['a', undefined],
    ['"a" ', undefined],
    ['x"a"', undefined],
    ['"a"b"', undefined],
    ['"a b"', undefined],
    [undefined, undefined],
  ])('with the ETag %j are known by %j', async (header, etag) => {
    const headers = header === undefined ? {} : { etag: header };
    expect(await revoked({ body: LISTS, headers })).toEqual({ lists: LISTS, etag });
  });

  test('that are known are not sent again', async () => {
    expect(await revoked({ status: 304 }, '"known"')).toBeUndefined();
    await expect(revoked({ status: 304 })).rejects.toMatchObject({ code: 'broker_refused' });
  });

  test('that are known do not make another answer good', async () => {
    const answer = revoked({ status: 503 }, '"known"');
    await expect(answer).rejects.toMatchObject({ code: 'broker_unavailable' });
  });
});

test('a heartbeat needs no answer but that it was heard', async () => {
  await createScene({ status: 204 }).broker.heartbeat({} as never);
  await createScene({ status: 200 }).broker.heartbeat({} as never);
  const { broker } = createScene({ status: 302 });
  await expect(broker.heartbeat({} as never)).rejects.toMatchObject({ code: 'broker_refused' });
});

describe('the time is', () => {
  test("this machine's before the first answer, and that of the broker's clock after it", async () => {
    const { broker } = createScene({ headers: { date: 'Fri, 20 Nov 2026 19:04:00 GMT' } });
    expect(broker.trueTime()).toEqual(START);
    await broker.trust().catch(() => undefined);
    expect(broker.trueTime()).toEqual(new Date(START.getTime() - 60_000));
  });
});

describe('becomes a failure that says what to do:', () => {
  const wait = { 'retry-after': '7' };
  const NOBODY = `${ADDRESS} answered with status 418 and no explanation: is this the address of a join broker?`;
  test.each<[string, Told | Error, string, string, number?]>([
    [
      'no answer',
      new NoAnswer('it\u001b is off'),
      'broker_unreachable',
      `the broker at ${ADDRESS} can't be reached: it is off`,
    ],
    [
      'a certificate that is not accepted',
      new NoAnswer('its certificate', true),
      'untrusted',
      `the broker at ${ADDRESS} can't be reached: its certificate`,
    ],
    [
      'an answer of another form',
      { body: { version: 1 } },
      'broker_refused',
      expect.stringMatching(
        `^the answer of ${ADDRESS}/v1/join is not what this version of joinbot understands: \\S+`,
      ),
    ],
    [
      'too much to do',
      { ...problemOf('throttled', { detail: 'wait' }), headers: wait },
      'throttled',
      `the broker has too much to do: wait (request id ${ID})`,
      7000,
    ],
    [
      'a broker that is down',
      { ...problemOf('unavailable'), headers: wait },
      'broker_unavailable',
      `the broker can't do its work at the moment: ${PROBLEMS.unavailable[1]} (request id ${ID})`,
      7000,
    ],
    [
      'a gateway that is down',
      { status: 500, headers: wait },
      'broker_unavailable',
      "the broker can't do its work at the moment: status 500",
      7000,
    ],
    ['somebody else', { status: 418 }, 'broker_refused', NOBODY],
    [
      'a broker that is starting',
      { status: 404 },
      'broker_unavailable',
      NOBODY.replace('418', '404'),
    ],
    [
      'a denial',
      problemOf('access_denied'),
      'denied',
      `the broker refused the join (request id ${ID}); an operator sees the reason with: joinctl joins show ${ID}`,
    ],
    [
      'an instance that is not known',
      problemOf('instance_unknown'),
      'instance_unknown',
      `the broker doesn't renew this instance (request id ${ID})`,
    ],
    [
      'another request that was faster',
      { ...problemOf('try_again', { detail: 'now' }), headers: wait },
      'try_again',
      `the broker asks to try again: now (request id ${ID})`,
      7000,
    ],
    [
      'bad input',
      problemOf('bad_request', { field: 'request', detail: 'expected\u001b text' }),
      'broker_refused',
      `the broker refused the request: request: expected text (request id ${ID})`,
    ],
    [
      'bad input of which nothing is said',
      problemOf('bad_request', { field: 'request', request_id: `a\u001b${'b'.repeat(64)}` }),
      'broker_refused',
      `the broker refused the request: request: ${PROBLEMS.bad_request[1]} (request id a ${'b'.repeat(62)}…)`,
    ],
    [
      'a denial whose id is long',
      problemOf('access_denied', { request_id: 'c'.repeat(65) }),
      'denied',
      `the broker refused the join (request id ${'c'.repeat(64)}…); an operator sees the reason with: joinctl joins show ${'c'.repeat(64)}…`,
    ],
  ])('%s', async (_, told, code, message, retryAfterMs = undefined) => {
    const failure = await createScene(told)
      .broker.join(BODY)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'Failure', code, message, retryAfterMs });
    if (told instanceof Error) expect(failure).toMatchObject({ cause: told });
  });

  test('but an error of our own stays what it is', async () => {
    const error = new TypeError('x is not a function');
    await expect(createScene(error).broker.join(BODY)).rejects.toBe(error);
  });
});
