/**
 * One HTTP exchange of a tool: with a time limit that holds for all of it, a size limit, and no redirects. Over Node's own
 * client, since `fetch` forgets its signal as soon as its request object is collected: it then waits for ever.
 */
import { type ClientRequest, type IncomingMessage, request as startHttp } from 'node:http';
import { request as startHttps } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { WebProxy } from './proxy.ts';
import { openTunnel } from './tunnel.ts';

export interface Exchange {
  readonly method: string;
  /** `http:` or `https:`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From the first lookup to the last byte. */
  readonly timeoutMs: number;
  readonly mostBytes: number;
  readonly proxy?: WebProxy | undefined;
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

/**
 * Throws an `ExchangeEnded`, or Node's error where the network failed. Each exchange has a connection of its own, and none
 * of Node's agents: the global one may go through a proxy by itself (NODE_USE_ENV_PROXY).
 */
export function exchange(wanted: Exchange): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    const { proxy, authorities, timeoutMs, mostBytes, stop } = wanted;
    const url = new URL(wanted.url);
    let underWay: ClientRequest | undefined;

    const settle = (act: () => void): void => {
      clearTimeout(timer);
      stop?.removeEventListener('abort', onStop);
      act();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        underWay?.destroy();
        reject(error);
      });
    const onStop = (): void => fail(new ExchangeEnded('stop'));
    const timer = setTimeout(() => fail(new ExchangeEnded('time')), timeoutMs);
    stop?.addEventListener('abort', onStop);

    const send = (request: ClientRequest): void => {
      underWay = request;
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
      request.end(wanted.body);
    };

    if (stop?.aborted) onStop();
    else if (!proxy) send(startDirectly(url, wanted));
    else if (url.protocol === 'http:') send(startOverProxy(url, proxy, wanted));
    else {
      const ends = { proxy, url, authorities };
      underWay = openTunnel(ends, (socket) => send(startIn(socket, url, wanted)), fail);
    }
  });
}

function startDirectly(url: URL, { method, headers, authorities }: Exchange): ClientRequest {
  const options = { method, headers: { ...headers }, agent: false };
  return url.protocol === 'https:'
    ? startHttps(url, { ...options, ...(authorities && { ca: [...authorities] }) })
    : startHttp(url, options);
}

/** A proxy takes a request for `http:` with the whole URL in place of the path (RFC 9112 section 3.2.2). */
function startOverProxy(
  url: URL,
  { host, port, authorization }: WebProxy,
  { method, headers }: Exchange,
): ClientRequest {
  return startHttp({
    host,
    port,
    method,
    path: url.href,
    headers: {
      host: url.host,
      ...headers,
      ...(authorization && { 'proxy-authorization': authorization }),
    },
    agent: false,
  });
}

const startIn = (socket: TLSSocket, url: URL, { method, headers }: Exchange): ClientRequest =>
  startHttps(url, {
    method,
    headers: { host: url.host, ...headers },
    createConnection: () => socket,
  });

function headOf({ statusCode = 0, headers }: IncomingMessage): Omit<ExchangeAnswer, 'body'> {
  const once = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
  return { status: statusCode, headers: new Map(once) };
}
