import {
  createEmptyPipeline,
  createHttpHeaders,
  createPipelineRequest,
  RestError,
} from '@azure/core-rest-pipeline';
import { expect, test } from 'vitest';
import { unavailable } from '../../shared/refusal.ts';
import { passOnRetryAfter, retryAfterOf, retryAfterSeconds } from '../../shared/retry-after.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

test.each([
  ['30', 30],
  ['0', 1],
  ['86400', 600],
  ['Fri, 20 Nov 2026 12:01:00 GMT', 60],
  ['Fri, 20 Nov 2026 11:00:00 GMT', 1],
  ['soon', undefined],
  ['-5x', undefined],
  ['', undefined],
  [undefined, undefined],
])('%j is %j seconds', (text, seconds) => {
  expect(retryAfterSeconds(text, NOON)).toBe(seconds);
});

const url = 'https://api.example.org/';

/** What a client gets, that would try once more by itself. */
async function send(status: number, headers: Record<string, string>) {
  let calls = 0;
  const pipeline = createEmptyPipeline();
  pipeline.addPolicy(passOnRetryAfter);
  const request = createPipelineRequest({ url });
  const answer = await pipeline
    .sendRequest(
      {
        sendRequest: async () => {
          calls += 1;
          return { request, status, headers: createHttpHeaders(headers) };
        },
      },
      request,
    )
    .catch((error: unknown) => error);
  return { calls, answer };
}

test.each([429, 503])('an answer %i with Retry-After ends the tries', async (status) => {
  const { answer } = await send(status, { 'retry-after': '17' });
  expect(answer).toMatchObject({ name: 'Refusal', code: 'unavailable', retryAfter: 17 });
  expect(retryAfterOf(answer)).toBe(17);
});

test.each([
  [429, {}],
  [500, { 'retry-after': '17' }],
  [200, { 'retry-after': '17' }],
])('an answer %i with %j is passed on', async (status, headers) => {
  expect((await send(status, headers)).answer).toMatchObject({ status });
});

test('is read from the errors of SDKs, and from our own', () => {
  const request = createPipelineRequest({ url });
  const response = { request, status: 500, headers: createHttpHeaders({ 'retry-after': '9' }) };
  expect(retryAfterOf(new RestError('no', { request, response }))).toBe(9);
  expect(retryAfterOf(new RestError('no'))).toBeUndefined();
  expect(retryAfterOf(unavailable('no', 7))).toBe(7);
  expect(retryAfterOf(new Error('no'))).toBeUndefined();
});
