/**
 * Answers whether the agent is well: `/livez` while it runs, `/readyz` once everything is written and as long as the
 * certificates are good, `/readyz/<output>` the same of one, `/metrics` for Prometheus. Nothing secret is told, since
 * anybody may ask.
 */
import { createServer } from 'node:http';
import { type Health, metricsText } from './agent-metrics.ts';
import { codeOf } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { readiness } from './readiness.ts';
import type { HostAndPort } from './settings.ts';

export interface Diagnostics {
  close(): void;
}

/** `healthOf` is asked for each probe. What can't be listened on is logged: no reason to go without certificates. */
export function startDiagnostics(
  { host, port }: HostAndPort,
  healthOf: () => Health,
  { log }: Pick<Effects, 'log'>,
): Diagnostics {
  const server = createServer((request, response) => {
    const { status, text, type = 'text/plain' } = answerTo(request.url ?? '', healthOf);
    response.writeHead(status, { 'content-type': type, connection: 'close' });
    response.end(text);
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
    log.info(`/livez, /readyz and /metrics are answered at ${host}:${bound}`);
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

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

function answerTo(path: string, healthOf: () => Health): Answer {
  if (path === '/livez') return { status: 200, text: 'ok\n' };
  if (path === '/metrics')
    return { status: 200, text: metricsText(healthOf()), type: 'text/plain; version=0.0.4' };
  const [asked, name] = /^\/readyz(?:\/([A-Za-z0-9._+-]+))?$/.exec(path) ?? [];
  if (asked === undefined)
    return { status: 404, text: 'expected /livez, /readyz, /readyz/<output> or /metrics\n' };
  const ready = readiness(healthOf(), name);
  if (!ready) return { status: 404, text: 'there is no output of this name: /readyz has all\n' };
  return {
    status: ready.status === 'healthy' ? 200 : 503,
    text: `${JSON.stringify(ready)}\n`,
    type: 'application/json',
  };
}
