/** HTTP with a time limit, a size limit and no redirects: the one way in which the agent talks to anybody. */
import { codeOf } from './durable-file.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of authorities that the server may have its certificate from, instead of those that Node trusts. */
  readonly authorities?: readonly string[];
  readonly timeoutMs: number;
  readonly mostBytes: number;
  readonly stop: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
}

/** What it says, in UTF-8. */
export const textOf = (answer: HttpAnswer): string => Buffer.from(answer.body).toString('utf8');

/** Sends a request. Any answer is an answer, whatever its status; no answer is a `NoAnswer`. */
export type SendHttp = (request: HttpRequest) => Promise<HttpAnswer>;

/** No answer came. The message says why in a few words, ready to stand behind a colon. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** The other side's TLS certificate was not accepted: asking again won't help. */
  readonly untrusted: boolean;

  constructor(message: string, untrusted = false) {
    super(message);
    this.untrusted = untrusted;
  }
}

export const timedOut = (ms: number): string => `no answer within ${ms / 1000} s`;
export const tooLarge = (most: number): string => `the answer is larger than ${most} bytes`;

const IN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ENOTFOUND: 'there is no such host name',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
};

/** OpenSSL's verdicts on a certificate, and Node's on its name. */
const UNTRUSTED = /CERT|^UNABLE_TO_|^ERR_TLS_|^ERR_SSL_|^HOSTNAME_MISMATCH$|^INVALID_CA$/;

/** What OpenSSL says of an answer that is plain HTTP. */
const NO_TLS = /WRONG_VERSION_NUMBER|wrong version number|packet length too long/;

/** What a network error of Node means, in words. */
export function noAnswerOf(error: unknown): NoAnswer {
  if (error instanceof NoAnswer) return error;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause);
    const words = IN_WORDS[code];
    if (words) return new NoAnswer(words);
    if (NO_TLS.test(`${code} ${cause.message}`)) {
      return new NoAnswer(
        'it does not speak TLS; a broker on this machine is named with http://',
        true,
      );
    }
    if (UNTRUSTED.test(code)) {
      return new NoAnswer(`its TLS certificate is not accepted: ${cause.message}`, true);
    }
  }
  const deepest = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new NoAnswer(deepest instanceof Error ? deepest.message : String(deepest));
}
