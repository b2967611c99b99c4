import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Exchange, ExchangeEnded, exchange } from '../../../shared/http/exchange.ts';

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const get = (url: string, more: Partial<Exchange> = {}): Exchange => ({
  method: 'GET',
  url,
  timeoutMs: 60_000,
  mostBytes: 1000,
  ...more,
});

/** Collects garbage again and again, so that whatever nobody holds is gone while an exchange waits. */
function collectAllTheTime(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const timer = setInterval(collect, 5);
  onTestFinished(() => clearInterval(timer));
}

const SILENT: Readonly<Record<string, RequestListener>> = {
  'never answers': () => undefined,
  'stops in the middle of a body': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half');
  },
  'sends a byte now and then': (_request, response) => {
    const timer = setInterval(() => response.write('.'), 10);
    response.on('close', () => clearInterval(timer));
  },
};

describe.each(Object.entries(SILENT))('a server that %s', (_, listener) => {
  test('is given up within the limit, whatever is collected meanwhile', async () => {
    collectAllTheTime();
    const url = await serve(listener);
    await expect(exchange(get(url, { timeoutMs: 200 }))).rejects.toThrow(new ExchangeEnded('time'));
  });

  test('is left at once on demand, whatever is collected meanwhile', async () => {
    collectAllTheTime();
    const stop = new AbortController();
    const url = await serve((request, response) => {
      listener(request, response);
      setTimeout(() => stop.abort(), 100);
    });
    const ended = exchange(get(url, { stop: stop.signal }));
    await expect(ended).rejects.toThrow(new ExchangeEnded('stop'));
  });

  test('sees the connection end with the exchange', async () => {
    const gone = Promise.withResolvers<void>();
    const url = await serve((request, response) => {
      request.socket.on('close', () => gone.resolve());
      listener(request, response);
    });
    await expect(exchange(get(url, { timeoutMs: 50 }))).rejects.toThrow(ExchangeEnded);
    await gone.promise;
  });
});

test('an answer that is larger than allowed is not read to its end', async () => {
  const url = await serve((_request, response) => {
    response.on('error', () => undefined);
    const fill = (): void => {
      while (response.write('x'.repeat(1000)));
      response.once('drain', fill);
    };
    fill();
  });
  await expect(exchange(get(url))).rejects.toThrow(new ExchangeEnded('size'));
});

test('an answer that is cut off is no answer', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
  });
  await expect(exchange(get(url))).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('sends method, headers and body, and gives status, headers and body', async () => {
  const url = await serve(async (request, response) => {
    const parts = await request.toArray();
    const { method, headers } = request;
    response.writeHead(418, { 'x-seen': `${method} ${headers['x-sent']}` }).end(parts.join(''));
  });
  const sent = { method: 'POST', headers: { 'x-sent': '1' }, body: 'the body' };
  const answer = await exchange(get(url, sent));
  expect(answer.status).toBe(418);
  expect(answer.headers.get('x-seen')).toBe('POST 1');
  expect(Buffer.from(answer.body).toString()).toBe('the body');
});

test('a redirect is an answer like any other', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  expect((await exchange(get(url))).status).toBe(302);
});
