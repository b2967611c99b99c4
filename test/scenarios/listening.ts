import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Lets a server of one test listen on a free port of loopback. Its base URL. */
export const listening = async (server: Server): Promise<string> =>
  `http://127.0.0.1:${await listeningPort(server)}`;

/** Likewise; its port. */
export async function listeningPort(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
