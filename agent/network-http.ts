/** HTTP over the network, through a proxy or not. */
import { ExchangeEnded, exchange } from '../shared/http/exchange.ts';
import { proxyFor, type WebProxy } from '../shared/http/proxy.ts';
import { systemAuthorities } from '../shared/http/system-authorities.ts';
import { NoAnswer, noAnswerOf, type SendHttp, timedOut, tooLarge } from './http.ts';

/** What the environment has to say of a request. */
interface Ways {
  readonly proxy?: WebProxy | undefined;
  readonly authorities?: readonly string[] | undefined;
}

const sendOver =
  (waysOf: (url: URL) => Ways): SendHttp =>
  async (request) => {
    try {
      const ways = waysOf(new URL(request.url));
      const authorities = request.authorities ?? ways.authorities;
      const { status, headers, body } = await exchange({
        ...request,
        proxy: ways.proxy,
        ...(authorities && { authorities }),
      });
      return { status, header: (name) => headers.get(name.toLowerCase()), body };
    } catch (error) {
      if (!(error instanceof ExchangeEnded)) throw noAnswerOf(error);
      throw new NoAnswer(
        {
          time: timedOut(request.timeoutMs),
          size: tooLarge(request.mostBytes),
          stop: 'stopped',
        }[error.why],
      );
    }
  };

/** Never through a proxy, whatever the environment says: a metadata service must see the machine itself. */
export const sendDirectly: SendHttp = sendOver(() => ({}));

/**
 * Through the proxy that the environment names. A server may have its certificate from whom this machine trusts, unless the
 * request names others.
 */
export const sendByEnvironment = (env: Readonly<Record<string, string | undefined>>): SendHttp =>
  sendOver((url) => ({
    proxy: proxyFor(url, env),
    authorities: url.protocol === 'https:' ? systemAuthorities(env) : undefined,
  }));
