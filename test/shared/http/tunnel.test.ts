/** Exchanges through a proxy, with a real one and a real TLS server behind it. */

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  issueHostTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { type Exchange, ExchangeEnded, exchange } from '../../../shared/http/exchange.ts';
import type { WebProxy } from '../../../shared/http/proxy.ts';
import { createAuthorities } from '../../agent/authorities.ts';

const NAME = 'broker.example.com';

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A server of this name, whose authority nobody knows. */
async function startServer(): Promise<{ port: number; authorities: readonly string[] }> {
  const now = new Date();
  const { issuing, roots } = await createAuthorities(now);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = issueHostTlsCertificate(
    {
      serialNumber: randomSerialNumber(),
      notBefore: new Date(now.getTime() - 60_000),
      notAfter: new Date(now.getTime() + 3600_000),
      names: [NAME],
      uri: 'spiffe://test/host/Node/1',
      publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
    },
    issuing,
  );
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' });
  const server = createTlsServer(
    { key, cert: encodePem('CERTIFICATE', der) + issuing.pem },
    (request, response) => {
      request.resume();
      response.end(`${request.method} ${request.headers.host} ${request.url}`);
    },
  );
  const authorities = roots.map(({ certificate }) => encodePem('CERTIFICATE', certificate));
  return { port: await listen(server), authorities };
}

/** A proxy that takes every name for the server on this port. */
async function startProxy(port: number, status = 200) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    response.end('from the proxy');
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    socket.on('error', () => undefined);
    if (status === 0) return;
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  const proxy: WebProxy = {
    host: '127.0.0.1',
    port: await listen(server),
    authorization: 'Basic x',
  };
  return { proxy, asked };
}

const get = (more: Partial<Exchange>): Exchange => ({
  method: 'GET',
  url: `https://${NAME}/v1/trust`,
  timeoutMs: 60_000,
  mostBytes: 1000,
  ...more,
});

const text = async (wanted: Exchange) => Buffer.from((await exchange(wanted)).body).toString();

describe('through a proxy', () => {
  test('TLS is from end to end, and only the proxy gets the password for it', async () => {
    const { port, authorities } = await startServer();
    const { proxy, asked } = await startProxy(port);
    expect(await text(get({ proxy, authorities, method: 'POST', body: 'x' }))).toBe(
      `POST ${NAME} /v1/trust`,
    );
    expect(asked).toEqual([`CONNECT ${NAME}:443 Basic x`]);
  });

  test('a server of another name or authority is refused', async () => {
    const { port, authorities } = await startServer();
    const { proxy } = await startProxy(port);
    const other = get({ proxy, authorities, url: 'https://other.example.com/' });
    await expect(exchange(other)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(exchange(get({ proxy }))).rejects.toMatchObject({
      code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/),
    });
  });

  test('http is asked for as a whole', async () => {
    const { proxy, asked } = await startProxy(1);
    expect(await text(get({ proxy, url: 'http://www.example.com/a.crt' }))).toBe('from the proxy');
    expect(asked).toEqual(['GET http://www.example.com/a.crt Basic x']);
  });

  test.each([407, 403, 502])('an answer of %i is told as the proxy’s', async (status) => {
    const { proxy } = await startProxy(1, status);
    await expect(exchange(get({ proxy }))).rejects.toThrow(
      `the proxy 127.0.0.1:${proxy.port} refused the connection (status ${status})`,
    );
  });

  test('one that is not there is told as the proxy', async () => {
    const proxy = { host: '127.0.0.1', port: 1 };
    await expect(exchange(get({ proxy }))).rejects.toThrow(
      "the proxy 127.0.0.1:1 can't be reached (ECONNREFUSED)",
    );
  });

  test('one that is silent is given up in time, and at once on demand', async () => {
    const { proxy } = await startProxy(1, 0);
    await expect(exchange(get({ proxy, timeoutMs: 50 }))).rejects.toThrow(
      new ExchangeEnded('time'),
    );
    const stop = AbortSignal.timeout(50);
    await expect(exchange(get({ proxy, stop }))).rejects.toThrow(new ExchangeEnded('stop'));
  });
});

test('an authority of its own is accepted without a proxy, too', async () => {
  const { port, authorities } = await startServer();
  const url = `https://127.0.0.1:${port}/`;
  await expect(exchange(get({ url, authorities }))).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
});
