/** One HTTP exchange with a service that may be asleep or busy: patient, bounded, and never led elsewhere. */
import { ExchangeEnded } from '../shared/http/exchange.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Whether an earlier try of the same request may have been carried out already. */
  readonly retried: boolean;
}

export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

/** A function app that sleeps needs up to a minute before it answers. */
const PATIENCE_MS = 60_000;
const LONGEST_ANSWER = 16 * 1024 * 1024;
const BUSY = [429, 502, 503, 504];

/** So long nobody wonders. */
const SILENT_MS = 3000;

type World = Pick<Io, 'fetch' | 'now' | 'sleep' | 'after'> & {
  /** Told what is being waited for, in a sentence. */
  readonly onWait?: (sentence: string) => void;
};

/** Sends requests; a busy service is asked again as it wishes (`Retry-After`) for up to a minute in all. */
export function patientHttp({ fetch, now, sleep, after, onWait = () => {} }: World): Http {
  return async (request) => {
    const { origin } = new URL(request.url);
    const deadline = now().getTime() + PATIENCE_MS;
    for (let tries = 1; ; tries += 1) {
      const left = deadline - now().getTime();
      const answered = after(SILENT_MS, () =>
        onWait(`${origin} has not answered yet: waiting for up to ${Math.ceil(left / 1000)} s.`),
      );
      const answer = await ask(fetch, request, left).finally(answered);
      const pause = pauseBefore(tries, answer.headers);
      if (!BUSY.includes(answer.status) || now().getTime() + pause >= deadline) {
        return { ...answer, retried: tries > 1 };
      }
      onWait(`${origin} answers ${answer.status}: asking again in ${pause / 1000} s.`);
      await sleep(pause);
    }
  };
}

function pauseBefore(nextTry: number, headers: Headers): number {
  const asked = headers.get('retry-after') ?? '';
  const seconds = /^\d{1,4}$/.test(asked) ? Number(asked) : Math.min(2 ** (nextTry - 1), 8);
  return Math.max(seconds, 1) * 1000;
}

async function ask(
  fetch: Io['fetch'],
  { method, url, headers = {}, body }: HttpRequest,
  timeoutMs: number,
): Promise<Omit<HttpAnswer, 'retried'>> {
  try {
    const limits = { timeoutMs, mostBytes: LONGEST_ANSWER };
    const sent = { method, headers: { ...headers }, ...(body !== undefined && { body }) };
    const response = await fetch(url, { ...sent, ...limits });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    throw new Failure(unreachable(new URL(url), error));
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name could not be looked up',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the network',
  CERT_HAS_EXPIRED: 'its TLS certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its TLS certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its TLS certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its TLS certificate comes from an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its TLS certificate comes from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its TLS certificate comes from an unknown authority',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS (a broker on this machine is http://…)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS (a broker on this machine is http://…)',
};

function unreachable({ origin }: URL, error: unknown): string {
  if (error instanceof ExchangeEnded) {
    return error.why === 'size'
      ? `${origin} answers too much.`
      : `${origin} did not answer within ${PATIENCE_MS / 1000} s.`;
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  return `Can't reach ${origin}: ${REASONS[code] ?? printable(message || code)}.`;
}
