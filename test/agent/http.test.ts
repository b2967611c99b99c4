import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type HttpRequest, NoAnswer, noAnswerOf, textOf } from '../../agent/http.ts';
import { sendDirectly } from '../../agent/network-http.ts';

async function serve(listener: RequestListener, state = 'open'): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  if (state === 'closed') await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url,
  timeoutMs: 60_000,
  mostBytes: 1000,
  stop: new AbortController().signal,
  ...more,
});

describe('sending', () => {
  test('gives status, headers and body', async () => {
    const url = await serve((request, response) => {
      response.writeHead(418, { 'retry-after': '3' }).end(`${request.headers['metadata']}`);
    });
    const answer = await sendDirectly(get(url, { headers: { metadata: 'true' } }));
    expect(answer.status).toBe(418);
    expect(answer.header('Retry-After')).toBe('3');
    expect(answer.header('x-none')).toBeUndefined();
    expect(Buffer.from(answer.body).toString()).toBe('true');
  });

  test('follows no redirect', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect((await sendDirectly(get(url))).status).toBe(302);
  });

  test('reads no more than it is told to', async () => {
    const url = await serve((_request, response) => void response.end('x'.repeat(1001)));
    await expect(sendDirectly(get(url))).rejects.toThrow(
      new NoAnswer('the answer is larger than 1000 bytes'),
    );
  });

  test('says that nobody listens', async () => {
    const gone = await serve(() => undefined, 'closed');
    await expect(sendDirectly(get(gone))).rejects.toThrow(
      new NoAnswer('the connection was refused'),
    );
  });

  test('ends when the answer takes too long', async () => {
    const url = await serve(() => undefined);
    await expect(sendDirectly(get(url, { timeoutMs: 20 }))).rejects.toThrow(
      'no answer within 0.02 s',
    );
  });

  test('ends when the agent is told to stop, also beforehand', async () => {
    const stop = new AbortController();
    const url = await serve(() => stop.abort());
    await expect(sendDirectly(get(url, { stop: stop.signal }))).rejects.toThrow('stopped');
    await expect(sendDirectly(get(url, { stop: stop.signal }))).rejects.toThrow('stopped');
  });
});

test('a connection to the metadata service goes through no proxy', async () => {
  const url = await serve((_request, response) => void response.end('direct'));
  const before = process.env['HTTP_PROXY'];
  process.env['HTTP_PROXY'] = 'http://127.0.0.1:1';
  onTestFinished(() => {
    if (before === undefined) delete process.env['HTTP_PROXY'];
    else process.env['HTTP_PROXY'] = before;
  });
  expect(Buffer.from((await sendDirectly(get(url))).body).toString()).toBe('direct');
});

const failed = (code: string, message = 'why'): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) });

describe('an error of the network is told in words:', () => {
  test.each([
    ['ECONNREFUSED', 'the connection was refused'],
    ['ECONNRESET', 'the connection was cut'],
    ['UND_ERR_SOCKET', 'the connection was cut'],
    ['ENOTFOUND', 'there is no such host name'],
    ['EAI_AGAIN', 'the host name could not be looked up'],
    ['EHOSTUNREACH', 'there is no route to it'],
    ['ENETUNREACH', 'there is no route to it'],
    ['ETIMEDOUT', 'the connection timed out'],
    ['UND_ERR_CONNECT_TIMEOUT', 'the connection timed out'],
    ['EMFILE', 'why'],
  ])('%s', (code, words) => {
    for (const error of [failed(code), failed(code).cause]) {
      expect(noAnswerOf(error)).toEqual(new NoAnswer(words));
      expect(noAnswerOf(error).untrusted).toBe(false);
    }
  });

  test('what is told already stays as it is, and what is no error is told as text', () => {
    const told = new NoAnswer('stopped');
    expect(noAnswerOf(told)).toBe(told);
    expect(told.name).toBe('NoAnswer');
    expect(noAnswerOf(new TypeError('of our own'))).toEqual(new NoAnswer('of our own'));
    expect(noAnswerOf(new Error('outer', { cause: 'inner' }))).toEqual(new NoAnswer('outer'));
    expect(noAnswerOf('text')).toEqual(new NoAnswer('text'));
  });
});

describe('the certificate of the other side is not accepted', () => {
  test.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
  ])('where %s is said', (code) => {
    const answer = noAnswerOf(failed(code));
    expect(answer).toEqual(new NoAnswer('its TLS certificate is not accepted: why', true));
    expect(answer.untrusted).toBe(true);
  });

  test.each([
    'NOT_UNABLE_TO_CONNECT',
    'AN_ERR_TLS_',
    'AN_ERR_SSL_',
    'NO_HOSTNAME_MISMATCH',
    'HOSTNAME_MISMATCHES',
    'NO_INVALID_CA',
    'INVALID_CALL',
  ])('and that is not said by %s', (code) => {
    expect(noAnswerOf(failed(code)).untrusted).toBe(false);
  });
});

test.each([
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'SSL routines'],
  ['EPROTO', 'SSL routines:ssl3_get_record:wrong version number'],
  ['EPROTO', 'SSL routines:tls_get_more_records:packet length too long'],
])(
  'a server that speaks plain HTTP is told apart from one that is not trusted (%s, %s)',
  (...said) => {
    const answer = noAnswerOf(failed(...said));
    expect(answer.message).toBe(
      'it does not speak TLS; a broker on this machine is named with http://',
    );
    expect(answer.untrusted).toBe(true);
  },
);

test('what an answer says is read as UTF-8', () => {
  expect(textOf({ status: 200, header: () => undefined, body: Buffer.from('é') })).toBe('é');
});
