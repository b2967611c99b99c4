import { describe, expect, it } from 'vitest';
import { patientHttp } from '../../admin/http.ts';
import type { Fetch } from '../../admin/io.ts';
import { ExchangeEnded } from '../../shared/http/exchange.ts';

type Reply = () => Response | Promise<Response>;

/** Replies in turn, the last one for ever; `slept` holds the pauses in seconds. */
function service(...replies: readonly Reply[]) {
  const slept: number[] = [];
  const said: string[] = [];
  const seen: Parameters<Fetch>[1][] = [];
  let time = 0;
  const http = patientHttp({
    fetch: async (_url, init) => {
      const reply = replies[Math.min(seen.length, replies.length - 1)];
      seen.push(init);
      if (!reply) throw new Error('no reply');
      return reply();
    },
    now: () => new Date(time),
    sleep: async (milliseconds) => {
      slept.push(milliseconds / 1000);
      time += milliseconds;
    },
    after: (milliseconds, task) => {
      if (silent) task();
      expect(milliseconds).toBe(3000);
      return () => {
        silent = false;
      };
    },
    onWait: (sentence) => said.push(sentence),
  });
  let silent = false;
  return {
    http,
    slept,
    seen,
    said,
    /** From now on an answer takes its time. */
    hesitate: () => {
      silent = true;
    },
  };
}

const URL_ = 'https://broker.example.com/v1/trust';
const busy =
  (retryAfter?: string): Reply =>
  () =>
    new Response('', { status: 503, headers: retryAfter ? { 'retry-after': retryAfter } : {} });
const fine: Reply = () => new Response('fine');
const broken =
  (code: string): Reply =>
  () => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error('raw'), { code }) });
  };

describe('patientHttp', () => {
  it('asks a busy service again when it wishes', async () => {
    const { http, slept } = service(busy('7'), busy('2'), fine);
    expect(await http({ method: 'GET', url: URL_ })).toMatchObject({ text: 'fine', retried: true });
    expect(slept).toEqual([7, 2]);
  });

  it('says what it waits for', async () => {
    const { http, said, hesitate } = service(busy('7'), fine);
    hesitate();
    await http({ method: 'GET', url: URL_ });
    expect(said).toEqual([
      'https://broker.example.com has not answered yet: waiting for up to 60 s.',
      'https://broker.example.com answers 503: asking again in 7 s.',
    ]);
  });

  it('backs off where the service names no time', async () => {
    const { http, slept } = service(busy(), busy(), busy(), fine);
    await http({ method: 'GET', url: URL_ });
    expect(slept).toEqual([1, 2, 4]);
  });

  it('gives up after a minute', async () => {
    const { http, slept } = service(busy('25'));
    expect(await http({ method: 'GET', url: URL_ })).toMatchObject({ status: 503, retried: true });
    expect(slept).toEqual([25, 25]);
  });

  it('does not repeat what the service has refused', async () => {
    const { http, seen } = service(() => new Response('no', { status: 400 }));
    expect(await http({ method: 'GET', url: URL_ })).toMatchObject({ status: 400, retried: false });
    expect(seen).toHaveLength(1);
  });

  it.each([
    ['ENOTFOUND', "Can't reach https://broker.example.com: there is no host of this name."],
    ['ECONNREFUSED', "Can't reach https://broker.example.com: nothing listens there."],
    [
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'it does not speak TLS (a broker on this machine is http://…).',
    ],
    ['EODD', "Can't reach https://broker.example.com: raw."],
  ])('says what %s means', async (code, message) => {
    await expect(service(broken(code)).http({ method: 'GET', url: URL_ })).rejects.toThrow(message);
  });

  it.each([
    ['time', 'https://broker.example.com did not answer within 60 s.'],
    ['size', 'https://broker.example.com answers too much.'],
  ] as const)('says so when the limit of %s ended it', async (why, message) => {
    const { http } = service(() => {
      throw new ExchangeEnded(why);
    });
    await expect(http({ method: 'GET', url: URL_ })).rejects.toThrow(message);
  });

  it('gives all tries together a minute', async () => {
    const { http, seen } = service(busy('25'));
    await http({ method: 'GET', url: URL_ });
    expect(seen.map(({ timeoutMs }) => timeoutMs)).toEqual([60_000, 35_000, 10_000]);
  });
});
