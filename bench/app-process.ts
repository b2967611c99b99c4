/** The built function app in a process of its own: prints its address once it serves. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { createFrontEnd } from '../local/host/front-end.ts';
import { loadFunctionApp } from '../local/host/function-app.ts';

const log = (): void => {};
const app = await loadFunctionApp(process.argv[2] ?? '.', log);
const server = createFrontEnd(app, { bodyLimit: 1_000_000, log });
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
