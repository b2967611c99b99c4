import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene } from '../broker/fixtures.ts';
import { join, makeJoin } from '../broker/joiner.ts';
import { createTestBroker } from '../broker/test-broker.ts';

const JOIN = '/v1/join';
const MOST_BYTES = 65_536;
const right = { request: '{}' };

const post = (body: unknown, headers: Record<string, string | null> = {}, path = JOIN) =>
  createTestBroker().request('POST', path, { body, headers });

test('a right body is answered', async () => {
  const { api, vm } = await createScene();
  const answer = await join(api, vm);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
});

describe.each([JOIN])('POST %s refuses a body that', (path) => {
  test.each([
    ['is empty', ''],
    ['is no JSON', '{'],
    ['has something behind its JSON', '{}x'],
    ['begins with a byte order mark', `\ufeff${JSON.stringify(right)}`],
    ['is JSON with comments', '{} // hello'],
  ])('%s', async (_, body) => {
    expect(await post(body, {}, path)).toBeProblem('bad_request');
  });

  test('has a name twice: one reader takes the first value, another the last', async () => {
    const answer = await post('{"request":"{}","request":"{}"}', {}, path);
    expect(answer).toBeProblem('bad_request');
    expect(answer.body).toMatchObject({ detail: 'expected every name once in its object' });
  });

  test('has a request with a name twice', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, {
      changedRequest: (text) => text.replace('{', '{"role":"Bot","role":"Node",'),
    });
    expect(attempt).toBeProblem('bad_request', 'request');
  });

  test.each(['null', '[]', '"text"', '1', 'true'])('is %s', async (body) => {
    expect(await post(body, {}, path)).toBeProblem('bad_request');
  });

  test('is not UTF-8', async () => {
    const bytes = Buffer.from('{"token":"\xff","join_method":"azure"}', 'latin1');
    expect(await post(bytes, {}, path)).toBeProblem('bad_request');
  });

  test.each([
    ['is longer than 64 KiB', 'x'.repeat(MOST_BYTES + 1), {}],
    ['says that it is', '{}', { 'content-length': String(MOST_BYTES + 1) }],
    ['is, and says that it is not', 'x'.repeat(MOST_BYTES + 1), { 'content-length': '10' }],
  ])('%s', async (_, body, headers) => {
    expect(await post(body, headers, path)).toBeProblem('too_large');
  });

  test('is of exactly 64 KiB only if it is no JSON', async () => {
    expect(await post('x'.repeat(MOST_BYTES), {}, path)).toBeProblem('bad_request');
  });

  test.each([null, '', '-1', '1.5', 'many', '0x10', '99999999999'])(
    'comes with Content-Length %j',
    async (length) => {
      expect(await post(right, { 'content-length': length }, path)).toBeProblem('length_required');
    },
  );

  test.each([
    null,
    '',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json5',
    'application/jsonx; charset=utf-8',
    'application/json; charset=latin1',
    'multipart/form-data; boundary=application/json',
  ])('comes with Content-Type %j', async (type) => {
    const answer = await post(right, { 'content-type': type }, path);
    expect(answer).toBeProblem('unsupported_media_type');
  });
});

test.each(['application/json', 'Application/JSON', 'application/json;charset=UTF-8'])(
  'Content-Type %s is taken',
  async (type) => {
    const { api, vm } = await createScene();
    const body = await makeJoin(api, vm);
    const answer = await api.request('POST', JOIN, { body, headers: { 'content-type': type } });
    expect(answer).toBeAdmitted();
  },
);

describe('POST /v1/join names', () => {
  test('a field that only JavaScript knows', async () => {
    const body = '{"request":"{}","__proto__":{}}';
    expect(await post(body)).toBeProblem('bad_request', '__proto__');
  });

  test('an unknown field, whose name can not reach a terminal whole', async () => {
    const answer = await post({ ...right, '\u001b[31mred\u0007': 1 });
    expect(answer).toBeProblem('bad_request', '?[31mred?');
  });
});

describe('POST /v1/join refuses', () => {
  const wish = (change: object) => (text: string) => {
    const request = JSON.parse(text);
    return JSON.stringify({
      ...request,
      certificates: [{ ...request.certificates[0], ...change }],
    });
  };
  const request = (change: object) => (text: string) =>
    JSON.stringify({ ...JSON.parse(text), ...change });

  test.each([
    ['a request that is no JSON', () => 'hello', 'request'],
    ['an empty request', () => '', 'request'],
    ['an unknown field', request({ roles: ['access'] }), 'request.roles'],
    ['no broker', request({ broker: undefined }), 'request.broker'],
    ['a broker that is no cluster name', request({ broker: 'A b' }), 'request.broker'],
    ['no id', request({ id: undefined }), 'request.id'],
    ['an id with other characters', request({ id: `${'x'.repeat(20)} ` }), 'request.id'],
    ['an id of 15 characters', request({ id: 'x'.repeat(15) }), 'request.id'],
    ['an id of 65 characters', request({ id: 'x'.repeat(65) }), 'request.id'],
    ['no token', request({ token: undefined }), 'request.token'],
    ['a token that is no text', request({ token: 1 }), 'request.token'],
    ['a token that is no name', request({ token: '../bot' }), 'request.token'],
    ['a token with a line feed', request({ token: 'example-bot\n' }), 'request.token'],
    ['a token whose hash is too short', request({ token: 'sha256:00' }), 'request.token'],
    ['another join method', request({ join_method: 'gcp' }), 'request.join_method'],
    ['a time that is none', request({ time: 'noon' }), 'request.time'],
    ['an instance that is text', request({ instance: 'x' }), 'request.instance'],
    [
      'an instance that is no GUID',
      request({ instance: { id: 'x', generation: 1 } }),
      'request.instance.id',
    ],
    [
      'an instance without a generation',
      request({ instance: { id: crypto.randomUUID() } }),
      'request.instance.generation',
    ],
    [
      'a generation before the first',
      request({ instance: { id: crypto.randomUUID(), generation: 0 } }),
      'request.instance.generation',
    ],
    ['an unknown system role', request({ role: 'Admin' }), 'request.role'],
    ['certificates that are no list', request({ certificates: {} }), 'request.certificates'],
    [
      'an unknown field of a certificate',
      wish({ logins: ['root'] }),
      'request.certificates[0].logins',
    ],
    ['a certificate without a name', wish({ name: undefined }), 'request.certificates[0].name'],
    ['a certificate whose name is no name', wish({ name: 'a/b' }), 'request.certificates[0].name'],
    ['a certificate without a CSR', wish({ csr: undefined }), 'request.certificates[0].csr'],
    ['roles that are no list', wish({ roles: 'access' }), 'request.certificates[0].roles'],
    [
      'a role that is no name',
      wish({ roles: ['access', '*'] }),
      'request.certificates[0].roles[1]',
    ],
    ['a lifetime that is a number', wish({ ttl: 60 }), 'request.certificates[0].ttl'],
    ['another type', wish({ type: 'ca' }), 'request.certificates[0].type'],
  ])('%s', async (_, changedRequest, field) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedRequest });
    expect(attempt).toBeProblem('bad_request', field);
    expect(api.audit.at(-1)).toMatchObject({
      event: 'join',
      outcome: 'failed',
      code: 'bad_request',
    });
  });

  test.each([
    ['a request that is an object', { request: {} }, 'request'],
    ['an unknown field', { secrets: 'x' }, 'secrets'],
    ['the evidence of another join method', { secret: '0'.repeat(32) }, 'secret'],
    ['a proof that is a list', { proof: [] }, 'proof'],
    ['a proof of more than 1,024 characters', { proof: 'A'.repeat(1025) }, 'proof'],
  ])('%s beside the request', async (_, change, field) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedBody: (body) => ({ ...body, ...change }) });
    expect(attempt).toBeProblem('bad_request', field);
  });

  test.each([
    ['an unknown field', { vm_id: 'x' }, 'azure.vm_id'],
    ['intermediates that are no list', { intermediates: 'AAAA' }, 'azure.intermediates'],
    ['an intermediate that is no base64', { intermediates: ['?'] }, 'azure.intermediates[0]'],
    ['an access token that is no text', { access_token: {} }, 'azure.access_token'],
    ['a resource id that is null', { resource_id: null }, 'azure.resource_id'],
  ])('%s in the evidence', async (_, change, field) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, {
      changedBody: ({ azure, ...body }) => ({
        ...body,
        azure: { ...(azure as object), ...change },
      }),
    });
    expect(attempt).toBeProblem('bad_request', field);
  });

  test('a request of more than 60 KiB', async () => {
    const evidence = { attested_data: { encoding: 'pkcs7', signature: '' }, access_token: '' };
    const body = { request: 'x'.repeat(61_441), azure: evidence };
    expect(await post(body, {}, JOIN)).toBeProblem('bad_request', 'request');
  });

  test('what it can not read, without repeating any of it', async () => {
    const { api, vm } = await createScene();
    const secret = 'hunter2';
    const attempt = await join(api, vm, {
      changedBody: (body) => ({ ...body, request: secret, proof: [secret], azure: { secret } }),
    });
    expect(JSON.stringify(attempt.body)).not.toContain(secret);
    expect(JSON.stringify(api.audit)).not.toContain(secret);
  });
});

test('a join may be written with white space, but not fill a body with it', async () => {
  const { api, vm } = await createScene();
  const body = await makeJoin(api, vm);
  const send = (padding: string) =>
    api.request('POST', JOIN, { body: JSON.stringify(body, undefined, 2) + padding });
  const rest = MOST_BYTES - Buffer.byteLength(JSON.stringify(body, undefined, 2));
  expect(await send(' '.repeat(rest))).toBeProblem('bad_request');
  expect(await send(' '.repeat(1000))).toBeAdmitted();
});
