/** `Retry-After` of Azure's APIs is passed on to whoever asked: nobody sleeps in here while callers wait. */
import type { PipelinePolicy, RestError } from '@azure/core-rest-pipeline';
import { unavailable } from './refusal.ts';

const MOST_SECONDS = 600;

/** Seconds of a `Retry-After` (RFC 9110 section 10.2.3): a number or a date. `undefined` if it is none. */
export function retryAfterSeconds(text: string | undefined, now: Date): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(text)
    ? Number(text)
    : Math.ceil((Date.parse(text) - now.getTime()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 1), MOST_SECONDS);
}

/** What the answer that an SDK's error is about says. */
export function retryAfterOf(error: unknown): number | undefined {
  const { response, retryAfter } = error as Partial<RestError> & { retryAfter?: number };
  return retryAfter ?? retryAfterSeconds(response?.headers.get('retry-after'), new Date());
}

/** Ends an SDK's own tries at the first answer that asks for a pause. Stands where each try passes (`perRetry`). */
export const passOnRetryAfter: PipelinePolicy = {
  name: 'passOnRetryAfter',
  async sendRequest(request, next) {
    const response = await next(request);
    const pause = retryAfterSeconds(response.headers.get('retry-after'), new Date());
    if (pause !== undefined && (response.status === 429 || response.status === 503)) {
      throw unavailable('Azure asks for a pause', pause);
    }
    return response;
  },
};
