/** HTTP without any proxy, whatever the environment says: the metadata service must see the machine itself. */
import { Agent, request as startRequest } from 'node:http';
import { NoAnswer, noAnswerOf, type SendHttp, timedOut, tooLarge } from './http.ts';

export const sendDirectly: SendHttp = ({ method, url, headers, timeoutMs, mostBytes, stop }) =>
  new Promise((resolve, reject) => {
    // An agent of its own: Node's global one may go through a proxy (NODE_USE_ENV_PROXY).
    const request = startRequest(url, { method, headers: { ...headers }, agent: new Agent() });
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
      request.destroy();
      reject(noAnswerOf(error));
    };
    const onStop = (): void => fail(new NoAnswer('stopped'));
    const timer = setTimeout(() => fail(new NoAnswer(timedOut(timeoutMs))), timeoutMs);
    stop.addEventListener('abort', onStop);

    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > mostBytes) fail(new NoAnswer(tooLarge(mostBytes)));
        else parts.push(part);
      });
      response.on('end', () => {
        clearTimeout(timer);
        stop.removeEventListener('abort', onStop);
        const header = (name: string): string | undefined => {
          const value = response.headers[name.toLowerCase()];
          return typeof value === 'string' ? value : undefined;
        };
        resolve({ status: response.statusCode ?? 0, header, body: Buffer.concat(parts) });
      });
    });
    if (stop.aborted) onStop();
    else request.end();
  });
