/**
 * Answers whether the agent is well, for probes: `/livez` while it runs, `/readyz` once everything is written and as long as
 * the certificates are good. Nothing else is told, since anybody may ask.
 */
import { createServer } from 'node:http';
import { codeOf } from './durable-file.ts';
import type { Effects } from './effects.ts';
import type { HostAndPort } from './settings.ts';

export interface Diagnostics {
  close(): void;
}

/** `isReady` is asked for each probe. What can't be listened on is logged: no reason to go without certificates. */
export function startDiagnostics(
  { host, port }: HostAndPort,
  isReady: () => boolean,
  { log }: Pick<Effects, 'log'>,
): Diagnostics {
  const server = createServer((request, response) => {
    const isFine = { '/livez': () => true, '/readyz': isReady }[request.url ?? ''];
    const status = isFine === undefined ? 404 : isFine() ? 200 : 503;
    const text =
      isFine === undefined ? 'expected /livez or /readyz' : status === 200 ? 'ok' : 'not ready';
    response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' });
    response.end(`${text}\n`);
  });
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  server.maxConnections = 16;
  server.on('error', (error) =>
    log.warn(`diag_addr: nobody can ask at ${host}:${port} (${codeOf(error) || error.message})`),
  );
  server.on('listening', () => {
    const address = server.address();
    const bound = typeof address === 'object' && address ? address.port : port;
    log.info(`/livez and /readyz are answered at ${host}:${bound}`);
  });
  server.listen(port, host);
  server.unref();
  return {
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
