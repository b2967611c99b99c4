import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import process from 'node:process';
import { expect, test } from 'vitest';
import { freePort } from './free-port.ts';
import { listeningPort } from './listening.ts';

/** In the kernel's table a port is in hex, and 06 is TIME_WAIT. */
const isHeld = (port: number): boolean =>
  new RegExp(
    `^ *\\d+: 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 06 `,
    'm',
  ).test(readFileSync('/proc/net/tcp', 'utf8'));

test.skipIf(process.platform !== 'linux')(
  'a port that was given free is held for whoever asked for it',
  async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, freePort));
    expect(ports.filter(isHeld)).toEqual(ports);
    expect(new Set(ports).size).toBe(ports.length);
  },
);

test('a server may listen on it, and nobody else is given it', async () => {
  const port = await freePort();
  const others = await Promise.all(Array.from({ length: 50 }, () => listeningPort(createServer())));
  expect(others).not.toContain(port);
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => server.close(resolve));
});
