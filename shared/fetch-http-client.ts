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
        throw new RestError('no answer', { code: codeOf(error), request });
      }
      return {
        request,
        status: response.status,
        headers: createHttpHeaders(Object.fromEntries(response.headers)),
        bodyAsText: await textOf(response),
      };
    },
  };
}

/** The system's own code, such as ECONNRESET: by it the SDKs know that trying again may help. */
function codeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : RestError.REQUEST_SEND_ERROR;
}

/** Far more than any answer that the broker asks for: a page of a list of machines. */
const MOST_BYTES = 16 * 1024 * 1024;

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > MOST_BYTES) throw new RestError(`an answer is larger than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
