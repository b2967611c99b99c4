/** A TLS server and a proxy before it, real ones. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import {
  issueHostTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import type { WebProxy } from '../../../shared/http/proxy.ts';
import { createAuthorities } from '../../agent/authorities.ts';
import { listeningPort } from '../../scenarios/listening.ts';

/** A server of this name, whose authority nobody knows. */
export async function startTlsServer(
  name: string,
): Promise<{ port: number; authorities: readonly string[] }> {
  const now = new Date();
  const { issuing, roots } = await createAuthorities(now);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = issueHostTlsCertificate(
    {
      serialNumber: randomSerialNumber(),
      notBefore: new Date(now.getTime() - 60_000),
      notAfter: new Date(now.getTime() + 3600_000),
      names: [name],
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
  return { port: await listeningPort(server), authorities };
}

/** A proxy that takes every name for the server on this port. */
export async function startProxy(port: number, status = 200) {
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
    port: await listeningPort(server),
    authorization: 'Basic x',
  };
  return { proxy, asked };
}
