/** The broker as a joiner sees it. Every failure becomes one sentence that an operator can act on. */
import { rootCertificates } from 'node:tls';
import type * as z from 'zod/mini';
import { type Discovery, discovery } from '../shared/protocol/discovery.ts';
import type { HeartbeatBody } from '../shared/protocol/heartbeat.ts';
import { type JoinAnswer, type JoinBody, joinAnswer } from '../shared/protocol/join.ts';
import { type Problem, problem } from '../shared/protocol/problem.ts';
import { type RevocationLists, revocationLists } from '../shared/protocol/revocation.ts';
import { parseJsonWith, sentenceOf } from '../shared/protocol/schema.ts';
import { type TrustBundle, trustBundle } from '../shared/protocol/trust.ts';
import { VERSION } from '../shared/protocol/version.ts';
import { correctedTime } from './aws/corrected-time.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { type HttpAnswer, NoAnswer, textOf } from './http.ts';
import { printable } from './printable.ts';
import { retryAfterMs } from './retry-after.ts';

export interface Broker {
  /** What the broker says of itself, unsigned. */
  discover(): Promise<Discovery>;
  trust(): Promise<TrustBundle>;
  join(body: JoinBody): Promise<JoinAnswer>;
  heartbeat(body: HeartbeatBody): Promise<void>;
  /** The revocation lists, and the ETag to ask with the next time; `undefined` where those of this ETag are the newest. */
  revoked(
    etag: string | undefined,
    timeoutMs: number,
    stop: AbortSignal,
  ): Promise<{ readonly lists: RevocationLists; readonly etag: string | undefined } | undefined>;
  /** The time by the broker's clock, as its latest answer said; this machine's own before the first one. */
  trueTime(): Date;
}

/** A function app that nobody has called for a while needs this long to wake up. */
const TIMEOUT_MS = 60_000;
/** Nobody waits for it. */
const HEARTBEAT_TIMEOUT_MS = 10_000;
const MOST_BYTES = 1024 * 1024;
/** What 100,000 certificates that are all revoked need, and some room. */
const MOST_BYTES_OF_LISTS = 16 * 1024 * 1024;
/** RFC 9110, section 8.8.3. What it says is only sent back. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/;

interface Wanted {
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly mostBytes?: number;
  /** Aborted when nobody waits for it any more; absent: when the agent is to stop. */
  readonly stop?: AbortSignal;
  /** Of what is known: then an answer may be without a body. */
  readonly etag?: string | undefined;
}

/** `address` is the broker's origin, such as `https://broker.example.com`; `authorities` are trusted for its TLS, too. */
export function brokerAt(
  address: string,
  { clock, web, stop }: Pick<Effects, 'clock' | 'web' | 'stop'>,
  authorities?: string,
): Broker {
  let offsetMs = 0;

  async function exchange(
    path: string,
    { body, timeoutMs = TIMEOUT_MS, mostBytes = MOST_BYTES, stop: until = stop, etag }: Wanted,
  ): Promise<HttpAnswer> {
    const answer = await web({
      method: body === undefined ? 'GET' : 'POST',
      url: `${address}${path}`,
      headers: {
        accept: 'application/json',
        'user-agent': `joinbot/${VERSION}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(etag !== undefined && { 'if-none-match': etag }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(authorities !== undefined && { authorities: [...rootCertificates, authorities] }),
      timeoutMs,
      mostBytes,
      stop: until,
    }).catch((error: unknown) => {
      throw error instanceof NoAnswer ? unreachable(address, error) : error;
    });
    const now = clock.now();
    offsetMs = correctedTime(answer.header('date'), now).getTime() - now.getTime();
    return answer;
  }

  /** Gives an answer that says yes. */
  async function send(path: string, wanted: Wanted = {}): Promise<HttpAnswer> {
    const answer = await exchange(path, wanted);
    const isKnown = answer.status === 304 && wanted.etag !== undefined;
    if (answer.status !== 200 && answer.status !== 204 && !isKnown)
      throw refusal(address, answer, textOf(answer), clock.now());
    return answer;
  }

  function read<T>(path: string, schema: z.ZodMiniType<T>, answer: HttpAnswer): T {
    const parsed = parseJsonWith(schema, textOf(answer));
    if (parsed.ok) return parsed.value;
    const message = `the answer of ${address}${path} is not what this version of joinbot understands: ${sentenceOf(parsed.problem)}`;
    throw new Failure('broker_refused', message);
  }

  const ask = async <T>(path: string, schema: z.ZodMiniType<T>, body?: unknown): Promise<T> =>
    read(path, schema, await send(path, { body }));

  return {
    discover: () => ask('/v1/webapi/ping', discovery),
    trust: () => ask('/v1/trust', trustBundle),
    join: (body) => ask('/v1/join', joinAnswer, body),
    heartbeat: async (body) =>
      void (await send('/v1/heartbeat', { body, timeoutMs: HEARTBEAT_TIMEOUT_MS })),
    async revoked(known, timeoutMs, until) {
      const path = '/v1/trust/revoked';
      const wanted = { etag: known, timeoutMs, stop: until, mostBytes: MOST_BYTES_OF_LISTS };
      const answer = await send(path, wanted);
      if (answer.status === 304) return undefined;
      const etag = answer.header('etag');
      const lists = read(path, revocationLists, answer);
      return { lists, etag: etag !== undefined && ETAG.test(etag) ? etag : undefined };
    },
    trueTime: () => new Date(clock.now().getTime() + offsetMs),
  };
}

const unreachable = (address: string, cause: NoAnswer): Failure =>
  new Failure(
    cause.untrusted ? 'untrusted' : 'broker_unreachable',
    `the broker at ${address} can't be reached: ${printable(cause.message)}`,
    { cause },
  );

function refusal(address: string, answer: HttpAnswer, text: string, now: Date): Failure {
  const wait = { retryAfterMs: retryAfterMs(answer.header('retry-after'), now) };
  const parsed = parseJsonWith(problem, text);
  const id = parsed.ok ? ` (request id ${printable(parsed.value.request_id, 64)})` : '';
  const detail = parsed.ok ? describe(parsed.value) : `status ${answer.status}`;

  if (answer.status === 429) {
    return new Failure('throttled', `the broker has too much to do: ${detail}${id}`, wait);
  }
  if (answer.status >= 500) {
    const message = `the broker can't do its work at the moment: ${detail}${id}`;
    return new Failure('broker_unavailable', message, wait);
  }
  if (!parsed.ok) {
    const message = `${address} answered with status ${answer.status} and no explanation: is this the address of a join broker?`;
    // A function app that is starting answers 404 for a moment, without a word of ours.
    return new Failure(answer.status === 404 ? 'broker_unavailable' : 'broker_refused', message);
  }
  switch (parsed.value.code) {
    case 'access_denied': {
      const found = printable(parsed.value.request_id, 64);
      const message = `the broker refused the join (request id ${found}); an operator sees the reason with: joinctl joins show ${found}`;
      return new Failure('denied', message);
    }
    case 'instance_unknown':
      return new Failure('instance_unknown', `the broker doesn't renew this instance${id}`);
    case 'try_again':
      return new Failure('try_again', `the broker asks to try again: ${detail}${id}`, wait);
    default:
      return new Failure('broker_refused', `the broker refused the request: ${detail}${id}`);
  }
}

const describe = ({ field, detail, title }: Problem): string =>
  printable(field ? `${field}: ${detail ?? title}` : (detail ?? title));
