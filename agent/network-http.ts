/** HTTP over the network, through a proxy or not. */
import { ExchangeEnded, exchange } from '../shared/http/exchange.ts';
import { proxyFor, type WebProxy } from '../shared/http/proxy.ts';
import { NoAnswer, noAnswerOf, type SendHttp, timedOut, tooLarge } from './http.ts';

const sendOver =
  (proxyOf: (url: URL) => WebProxy | undefined): SendHttp =>
  async (request) => {
    try {
      const proxy = proxyOf(new URL(request.url));
      const { status, headers, body } = await exchange({ ...request, proxy });
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
export const sendDirectly: SendHttp = sendOver(() => undefined);

/** Through the proxy that the environment names. */
export const sendByEnvironment = (env: Readonly<Record<string, string | undefined>>): SendHttp =>
  sendOver((url) => proxyFor(url, env));
