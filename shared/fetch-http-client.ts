/** Lets Azure's SDKs talk through a `fetch` function, so that a test or a simulated cloud can stand behind it. */
import { createHttpHeaders, type HttpClient, RestError } from '@azure/core-rest-pipeline';

/** An SDK's transport over `fetch`. Redirects are not followed: these APIs have none. */
export function fetchHttpClient(fetch: typeof globalThis.fetch): HttpClient {
  return {
    async sendRequest(request) {
      const timeout = request.timeout > 0 ? [AbortSignal.timeout(request.timeout)] : [];
      const aborted = request.abortSignal ? [request.abortSignal as AbortSignal] : [];
      let response: Response;
      try {
        response = await fetch(request.url, {
          method: request.method,
          headers: request.headers.toJSON(),
          redirect: 'manual',
          signal: AbortSignal.any([...timeout, ...aborted]),
          ...(request.body == null
            ? {}
            : { body: request.body as NonNullable<RequestInit['body']> }),
        });
      } catch (error) {
        if (request.abortSignal?.aborted) throw error;
        throw new RestError('no answer', { code: RestError.REQUEST_SEND_ERROR, request });
      }
      return {
        request,
        status: response.status,
        headers: createHttpHeaders(Object.fromEntries(response.headers)),
        bodyAsText: await response.text(),
      };
    },
  };
}
