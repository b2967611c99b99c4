/** The simulated services on ports of loopback. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Machine } from './machine.ts';
import type { PerService } from './services/cloud-services.ts';
import { type Handle, NetworkFailure } from './services/service.ts';

export interface ListenOptions {
  /** Preferred ports. One that is taken, or none, means any free one. */
  readonly ports?: Partial<PerService<number>> & {
    /** By the machine's name. */
    readonly machines?: Readonly<Record<string, number>>;
  };
}

interface ServedUrls extends PerService<string> {
  /** The base URL of each machine's IMDS, by the machine's name; by its resource id where two have the same name. */
  readonly machines: Readonly<Record<string, string>>;
}

export interface Servers {
  readonly urls: ServedUrls;
  close(): Promise<void>;
}

export async function startServers(
  services: PerService<Handle>,
  machines: readonly Machine[],
  { ports = {} }: ListenOptions,
): Promise<Servers> {
  const servers: Server[] = [];
  const start = async (handle: Handle, port?: number): Promise<string> => {
    const server = await startServer(handle, port);
    servers.push(server);
    return server.url;
  };

  const urls = {
    directory: await start(services.directory, ports.directory),
    management: await start(services.management, ports.management),
    pki: await start(services.pki, ports.pki),
    brokerIdentity: await start(services.brokerIdentity, ports.brokerIdentity),
  };
  const imds: Record<string, string> = {};
  for (const machine of machines) {
    const name = machine.name in imds ? machine.resourceId : machine.name;
    imds[name] = await start((request) => machine.imds(request), ports.machines?.[machine.name]);
  }
  return {
    urls: { ...urls, machines: imds },
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

export interface Server {
  readonly url: string;
  close(): Promise<void>;
}

/** One service on a port of loopback: the preferred one if it is free. */
export async function startServer(handle: Handle, port = 0): Promise<Server> {
  const server = createServer((incoming, outgoing) => void serve(handle, incoming, outgoing));
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (taken && port !== 0) return startServer(handle);
    throw error;
  }
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function serve(
  handle: Handle,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on('close', () => gone.abort());
  try {
    const request = await requestOf(incoming, gone.signal);
    const response = await handle(request, new URL(request.url).pathname);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  } catch (error) {
    if (error instanceof NetworkFailure) incoming.socket.destroy();
    // A caller who has gone needs no answer; whatever else went wrong is the test's or the simulation's mistake.
    else if (!outgoing.destroyed) outgoing.writeHead(500).end(`${error}`);
  }
}

const LARGEST_BODY = 64 * 1024;

async function requestOf(incoming: IncomingMessage, signal: AbortSignal): Promise<Request> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new NetworkFailure('the body is too large');
    chunks.push(chunk);
  }
  const { localPort } = incoming.socket;
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const { method = 'GET' } = incoming;
  return new Request(`http://127.0.0.1:${localPort}${incoming.url}`, {
    method,
    headers,
    signal,
    body: size > 0 ? Buffer.concat(chunks) : null,
  });
}
