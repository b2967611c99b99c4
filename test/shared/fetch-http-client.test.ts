import { createHttpHeaders, createPipelineRequest, RestError } from '@azure/core-rest-pipeline';
import { expect, test } from 'vitest';
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
