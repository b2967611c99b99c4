/**
 * For programs that can't tell which port they got: one that the system gives to nobody else for a minute. A connection that
 * was closed from this port holds it for so long (TIME_WAIT, RFC 9293 section 3.3.2), and a server may listen on it all the same.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

export async function freePort(): Promise<number> {
  const server = createServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1').resume();
  await once(client, 'close');
  server.close();
  await once(server, 'close');
  return port;
}
