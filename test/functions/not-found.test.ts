import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createTestBroker } from '../broker/test-broker.ts';

describe('an address that there is not', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/v1/nothing'],
    ['GET', '/v1/join/more'],
    ['GET', '/V1/trust'],
    ['GET', '/v1/trust/'],
    ['GET', '//v1/trust'],
    ['GET', '/.env'],
    ['DELETE', '/v1/resources'],
    ['POST', '/v2/join'],
    ['PATCH', '/v1/nothing'],
    ['OPTIONS', '/v1/nothing'],
  ])('%s %s: 404', async (method, path) => {
    expect(await createTestBroker().request(method, path)).toBeProblem('not_found');
  });
});

describe('an address that is for another method', () => {
  test.each([
    ['GET', '/v1/join', 'POST'],
    ['GET', '/v1/join', 'POST'],
    ['PUT', '/v1/join', 'POST'],
    ['HEAD', '/v1/join', 'POST'],
    ['POST', '/v1/trust', 'GET, HEAD'],
    ['DELETE', '/v1/trust', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/v1/resources/token', 'GET, HEAD'],
    ['DELETE', '/v1/resources/token', 'GET, HEAD'],
    ['POST', '/v1/resources/token/example-bot', 'GET, HEAD, PUT, DELETE'],
    ['PATCH', '/v1/resources/token/example-bot', 'GET, HEAD, PUT, DELETE'],
  ])('%s %s: 405, and the answer says %s', async (method, path, methods) => {
    const answer = await createTestBroker().request(method, path);
    expect(answer).toBeProblem('method_not_allowed');
    expect(answer.body).toMatchObject({ detail: `expected ${methods}` });
    expect(answer.headers.get('allow')).toBe(methods);
  });
});

test('a body of any size or kind does not matter where there is nothing', async () => {
  const api = createTestBroker();
  const body = 'x'.repeat(100_000);
  const headers = { 'content-type': 'text/plain' };
  expect(await api.request('POST', '/v1/nothing', { body, headers })).toBeProblem('not_found');
  expect(await api.request('POST', '/v1/trust', { body })).toBeProblem('method_not_allowed');
});

test.each(['tls.der', 'constructor', '__proto__'])(
  'the trust bundle in form %s: 404, and the answer says which forms there are',
  async (form) => {
    const answer = await createTestBroker().request('GET', `/v1/trust/${form}`);
    expect(answer).toBeProblem('not_found');
    expect(answer.body).toMatchObject({ detail: expect.stringContaining('tls.pem') });
  },
);
