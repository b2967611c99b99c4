/** A TLS connection to a server through a proxy (CONNECT, RFC 9110 section 9.3.6): the proxy sees names and bytes only. */
import { type ClientRequest, request as startRequest } from 'node:http';
import { isIP } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { WebProxy } from './proxy.ts';

export interface TunnelEnds {
  readonly proxy: WebProxy;
  /** The server, by its `https:` URL. */
  readonly url: URL;
  /** PEM, instead of the authorities that Node trusts. */
  readonly authorities?: readonly string[] | undefined;
}

/** Gives the connection once the proxy has made it. What comes back ends the attempt. */
export function openTunnel(
  { proxy, url, authorities }: TunnelEnds,
  onOpen: (socket: TLSSocket) => void,
  onFailure: (error: Error) => void,
): ClientRequest {
  const at = `the proxy ${proxy.host}:${proxy.port}`;
  const target = `${url.hostname}:${url.port || 443}`;
  const request = startRequest({
    host: proxy.host,
    port: proxy.port,
    method: 'CONNECT',
    path: target,
    headers: {
      host: target,
      ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }),
    },
    agent: false,
  });
  request.on('error', (error: NodeJS.ErrnoException) =>
    onFailure(new Error(`${at} can't be reached (${error.code ?? error.message})`)),
  );
  // Without 2xx, a proxy may send a page: nobody reads it.
  request.on('response', (response) => {
    response.destroy();
    onFailure(new Error(`${at} refused the connection (status ${response.statusCode})`));
  });
  request.on('connect', ({ statusCode = 0 }, socket) => {
    if (statusCode < 200 || statusCode > 299) {
      socket.destroy();
      onFailure(new Error(`${at} refused the connection (status ${statusCode})`));
      return;
    }
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const name = isIP(host) === 0 ? { servername: host } : {};
    const ca = authorities && { ca: [...authorities] };
    onOpen(tlsConnect({ socket, host, ...name, ...ca }));
  });
  request.end();
  return request;
}
