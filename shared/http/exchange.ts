/**
 * One HTTP exchange of a tool: with a time limit that holds for all of it, a size limit, and no redirects. Over Node's own
 * client, since `fetch` forgets its signal as soon as its request object is collected: it then waits for ever.
 */
import { type IncomingMessage, request as startHttp } from 'node:http';
import { request as startHttps } from 'node:https';

export interface Exchange {
  readonly method: string;
  /** `http:` or `https:`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From the first lookup to the last byte. */
  readonly timeoutMs: number;
  readonly mostBytes: number;
  /** PEM of authorities that an `https:` server may have its certificate from, instead of those that Node trusts. */
  readonly authorities?: readonly string[];
  /** Ends it at once. */
  readonly stop?: AbortSignal;
}

export interface ExchangeAnswer {
  readonly status: number;
  /** Those that came once, by their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** An exchange was ended by us. */
export class ExchangeEnded extends Error {
  override readonly name = 'ExchangeEnded';
  readonly why: 'time' | 'size' | 'stop';

  constructor(why: ExchangeEnded['why']) {
    super(`the exchange was ended: ${why}`);
    this.why = why;
  }
}

/** Throws an `ExchangeEnded`, or Node's error where the network failed. Each exchange has a connection of its own. */
export function exchange(wanted: Exchange): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    const { method, headers, body, authorities, timeoutMs, mostBytes, stop } = wanted;
    const url = new URL(wanted.url);
    const start = url.protocol === 'https:' ? startHttps : startHttp;
    // No agent: Node's global one may go through a proxy (NODE_USE_ENV_PROXY).
    const tls = authorities && { ca: [...authorities] };
    const request = start(url, { method, headers: { ...headers }, ...tls, agent: false });

    const settle = (act: () => void): void => {
      clearTimeout(timer);
      stop?.removeEventListener('abort', onStop);
      act();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        request.destroy();
        reject(error);
      });
    const onStop = (): void => fail(new ExchangeEnded('stop'));
    const timer = setTimeout(() => fail(new ExchangeEnded('time')), timeoutMs);
    stop?.addEventListener('abort', onStop);

    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > mostBytes) fail(new ExchangeEnded('size'));
        else parts.push(part);
      });
      response.on('end', () =>
        settle(() => resolve({ ...headOf(response), body: Buffer.concat(parts) })),
      );
    });
    if (stop?.aborted) onStop();
    else request.end(body);
  });
}

function headOf({ statusCode = 0, headers }: IncomingMessage): Omit<ExchangeAnswer, 'body'> {
  const once = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
  return { status: statusCode, headers: new Map(once) };
}
