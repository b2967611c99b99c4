import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpMethods,
  RestError,
} from '@azure/core-rest-pipeline';
import { describe, expect, test } from 'vitest';
import { fetchHttpClient } from '../../shared/fetch-http-client.ts';

const request = () =>
  createPipelineRequest({ url: 'https://api.example.org/', headers: createHttpHeaders() });

const failing = (error: unknown) =>
  fetchHttpClient(() => Promise.reject(error)).sendRequest(request());

test.each([
  ['ECONNRESET', new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })],
  [RestError.REQUEST_SEND_ERROR, new TypeError('fetch failed')],
])(
  'a request without an answer fails with %s, by which an SDK decides to try again',
  async (code, error) => {
    await expect(failing(error)).rejects.toMatchObject({ name: 'RestError', code });
  },
);

describe('a connection that was dropped', () => {
  const dropped = () => new TypeError('fetch failed', { cause: { code: 'UND_ERR_SOCKET' } });

  /** Sends once to a service whose first calls fail. */
  async function send(method: HttpMethods, failures: readonly unknown[], signal?: AbortSignal) {
    let calls = 0;
    const client = fetchHttpClient(async () => {
      const failure = failures[calls];
      calls += 1;
      if (failure) throw failure;
      return new Response('answer');
    });
    const sent = { ...request(), method, ...(signal && { abortSignal: signal }) };
    const answer = await client.sendRequest(sent).catch((error: unknown) => error);
    return { calls, answer };
  }

  test.each(['GET', 'HEAD'] as const)('%s is sent once more', async (method) => {
    const { calls, answer } = await send(method, [dropped()]);
    expect(calls).toBe(2);
    expect(answer).toMatchObject({ status: 200, bodyAsText: 'answer' });
  });

  test('GET is not sent a third time', async () => {
    const { calls, answer } = await send('GET', [dropped(), dropped()]);
    expect(calls).toBe(2);
    expect(answer).toMatchObject({ name: 'RestError', code: 'UND_ERR_SOCKET' });
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH'] as const)(
    '%s is not sent again: it may have been done',
    async (method) => {
      expect((await send(method, [dropped()])).calls).toBe(1);
    },
  );

  test('GET is not sent again after another failure', async () => {
    expect((await send('GET', [new TypeError('fetch failed')])).calls).toBe(1);
  });

  test('GET is not sent again for whoever has given up', async () => {
    expect((await send('GET', [dropped()], AbortSignal.abort())).calls).toBe(1);
  });
});

test('an answer whose body breaks off fails as a connection does', async () => {
  const body = new ReadableStream({
    pull: (stream) =>
      stream.error(new TypeError('terminated', { cause: { code: 'UND_ERR_SOCKET' } })),
  });
  const client = fetchHttpClient(async () => new Response(body));
  const sent = { ...request(), method: 'POST' as const };
  await expect(client.sendRequest(sent)).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
});

test.each([0, 50])('a request with timeout %i has a signal that ends it', async (timeout) => {
  let signal: AbortSignal | null | undefined;
  const client = fetchHttpClient(async (_, init) => {
    signal = init?.signal;
    return new Response('');
  });
  await client.sendRequest({ ...request(), timeout });
  expect(signal).toBeInstanceOf(AbortSignal);
});
