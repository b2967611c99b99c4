/** Sends to something in this process that has the form of `fetch`: a simulated machine, a fake broker. */
import {
  type HttpRequest,
  NoAnswer,
  noAnswerOf,
  type SendHttp,
  timedOut,
  tooLarge,
} from '../../agent/http.ts';

export const sendWith =
  (answer: (request: Request) => Promise<Response>): SendHttp =>
  async (wanted) => {
    const { method, url, headers, body, mostBytes } = wanted;
    const init = { method, headers: { ...headers }, body: body ?? null };
    try {
      const response = await inTime(answer(new Request(url, init)), wanted);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length > mostBytes) throw new NoAnswer(tooLarge(mostBytes));
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        body: bytes,
      };
    } catch (error) {
      throw noAnswerOf(error);
    }
  };

function inTime<T>(work: Promise<T>, { timeoutMs, stop }: HttpRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (message: string) => (): void => reject(new NoAnswer(message));
    const timer = setTimeout(end(timedOut(timeoutMs)), timeoutMs);
    const onStop = end('stopped');
    stop.addEventListener('abort', onStop);
    if (stop.aborted) onStop();
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
    });
  });
}
