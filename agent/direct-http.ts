/** HTTP without any proxy, whatever the environment says: the metadata service must see the machine itself. */
import { ExchangeEnded, exchange } from '../shared/http/exchange.ts';
import { NoAnswer, noAnswerOf, type SendHttp, timedOut, tooLarge } from './http.ts';

export const sendDirectly: SendHttp = async (request) => {
  try {
    const { status, headers, body } = await exchange(request);
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
