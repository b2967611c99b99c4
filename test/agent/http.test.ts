import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sendDirectly } from '../../agent/direct-http.ts';
import { type HttpRequest, NoAnswer, noAnswerOf } from '../../agent/http.ts';

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

test.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', true],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true],
  ['CERT_HAS_EXPIRED', true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true],
  ['ECONNRESET', false],
  ['ENOTFOUND', false],
])('%s means that the certificate is not accepted: %s', (code, untrusted) => {
  const cause = Object.assign(new Error('why'), { code });
  expect(noAnswerOf(new TypeError('fetch failed', { cause })).untrusted).toBe(untrusted);
});

test('a server that speaks plain http to https is told apart from one that is not trusted', () => {
  const cause = Object.assign(new Error('SSL routines:ssl3_get_record:wrong version number'), {
    code: 'ERR_SSL_WRONG_VERSION_NUMBER',
  });
  const answer = noAnswerOf(new TypeError('fetch failed', { cause }));
  expect(answer.message).toBe(
    'it does not speak TLS; a broker on this machine is named with http://',
  );
  expect(answer.untrusted).toBe(true);
});
