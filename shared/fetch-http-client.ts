/** Lets Azure's SDKs talk through a `fetch` function, so that a test or a simulated cloud can stand behind it. */
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
} from '@azure/core-rest-pipeline';
import { DEADLINE_MS } from './deadline.ts';

/**
 * An SDK's transport over `fetch`. Every answer has a deadline. Redirects are not followed: these APIs have none. A read
 * whose connection was dropped is sent once more: the other side may close one that it has kept open.
 */
export function fetchHttpClient(fetch: typeof globalThis.fetch): HttpClient {
  return {
    async sendRequest(request) {
      try {
        return await send(fetch, request);
      } catch (error) {
        const again = READS.includes(request.method) && isDropped(error);
        if (!again || request.abortSignal?.aborted) throw error;
        return send(fetch, request);
      }
    },
  };
}

const READS: readonly string[] = ['GET', 'HEAD'];

async function send(
  fetch: typeof globalThis.fetch,
  request: PipelineRequest,
): Promise<PipelineResponse> {
  const timeout = AbortSignal.timeout(Math.min(request.timeout || DEADLINE_MS, DEADLINE_MS));
  const aborted = request.abortSignal ? [request.abortSignal as AbortSignal] : [];
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers.toJSON(),
      redirect: 'manual',
      signal: AbortSignal.any([timeout, ...aborted]),
      ...(request.body == null ? {} : { body: request.body as NonNullable<RequestInit['body']> }),
    });
    return {
      request,
      status: response.status,
      headers: createHttpHeaders(Object.fromEntries(response.headers)),
      bodyAsText: await textOf(response),
    };
  } catch (error) {
    if (request.abortSignal?.aborted || error instanceof RestError) throw error;
    throw new RestError('no answer', { code: codeOf(error), request });
  }
}

/** The system's own code, such as ECONNRESET: by it the SDKs know that trying again may help. */
function codeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : RestError.REQUEST_SEND_ERROR;
}

/** Closed or reset while we asked, by undici's name or the system's. */
const DROPPED: readonly unknown[] = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

const isDropped = (error: unknown): boolean =>
  error instanceof RestError && DROPPED.includes(error.code);

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
