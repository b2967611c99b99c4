import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../agent/folder.ts';
import { ROOT } from './scenario.ts';

interface Running {
  readonly process: ChildProcess;
  /** Resolves once the agent has asked the broker this often. */
  readonly asked: (times: number) => Promise<void>;
  /** Resolves once standard error says this. */
  readonly says: (text: string) => Promise<void>;
  /** Standard error so far. */
  readonly said: () => string;
}

/** The agent as it is installed, before a broker that always answers the same. */
async function startAgent(
  broker: RequestListener,
  { env = {}, stderr = 'pipe' }: { env?: Record<string, string>; stderr?: 'pipe' | number } = {},
): Promise<Running> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    server.emit('asked');
    broker(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const process_ = spawn(
    process.execPath,
    [
      join(ROOT, 'dist/joinbot.cjs'),
      'start',
      `--data-dir=${await temporaryFolder()}`,
      '--token=example-bot',
      '--join-method=azure',
      `--auth-server=http://127.0.0.1:${port}`,
    ],
    { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'ignore', stderr] },
  );
  onTestFinished(() => {
    process_.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
  });
  let said = '';
  process_.stderr?.on('data', (part) => {
    said += part;
    process_.emit('said');
  });
  return {
    process: process_,
    said: () => said,
    async asked(times) {
      while (asked < times) await once(server, 'asked');
    },
    async says(text) {
      while (!said.includes(text)) await once(process_, 'said');
    },
  };
}

/** An answer that is not tried again within the round. */
const refuse: RequestListener = (_request, response) => void response.writeHead(400).end();
const silent: RequestListener = () => undefined;
const half: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-length': '100' }).write('half');
};
const busy: RequestListener = (_request, response) => void response.writeHead(503).end();

describe.skipIf(process.platform === 'win32')('joinbot', () => {
  test.each(['SIGHUP', 'SIGUSR1'] as const)('renews on %s, and opens no port', async (signal) => {
    const agent = await startAgent(refuse);
    await agent.says('is this the address of a join broker?');
    agent.process.kill(signal);
    await agent.asked(2);
    expect(agent.said()).toContain('INFO  told to renew now\n');
    expect(agent.said()).not.toContain('Debugger');
  });

  test.each([
    ['the broker is silent', silent],
    ['the broker stops in the middle of an answer', half],
    ['it waits for the next try of a round', busy],
    ['it waits for the next round', refuse],
  ])('stops on SIGTERM while %s', async (_, broker) => {
    const agent = await startAgent(broker);
    await agent.asked(1);
    agent.process.kill('SIGTERM');
    expect(await once(agent.process, 'close')).toEqual([0, null]);
    expect(agent.said()).toMatch(/INFO {2}stopped\n$/);
  });

  test('closes the port that NODE_OPTIONS opens, and says what to do', async () => {
    const agent = await startAgent(silent, { env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } });
    await agent.asked(1);
    expect(agent.said()).toContain('take --inspect out of NODE_OPTIONS');
    const port = Number(/ws:\/\/127\.0\.0\.1:(\d+)/.exec(agent.said())?.[1]);
    const socket = createConnection(port, '127.0.0.1');
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('closes the port that SIGUSR1 opens before it can listen for that, and keeps it closed', async () => {
    const early = join(await temporaryFolder(), 'early.cjs');
    // Busy, as Node is while it loads the agent: the signal is handled here, and once more by the event loop.
    await writeFile(
      early,
      `require('node:fs').writeSync(2, 'loading\\n'); while (!require('node:inspector').url());`,
    );
    const NODE_OPTIONS = `--inspect-port=127.0.0.1:0 --require=${early}`;
    const agent = await startAgent(silent, { env: { NODE_OPTIONS } });
    await agent.says('loading');
    agent.process.kill('SIGUSR1');
    await agent.asked(1);
    const ports = [...agent.said().matchAll(/ws:\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) =>
      Number(port),
    );
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) {
      const [error] = await once(createConnection(port, '127.0.0.1'), 'error');
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  test('goes on when nobody reads its log any more', async () => {
    const agent = await startAgent(refuse);
    await agent.says('is this the address of a join broker?');
    agent.process.stderr?.destroy();
    agent.process.kill('SIGHUP');
    await agent.asked(2);
    agent.process.kill('SIGHUP');
    await agent.asked(3);
    agent.process.kill('SIGTERM');
    expect(await once(agent.process, 'exit')).toEqual([0, null]);
  });

  test.skipIf(process.platform !== 'linux')('goes on when its log is full', async () => {
    const agent = await startAgent(refuse, { stderr: openSync('/dev/full', 'w') });
    await agent.asked(1);
    agent.process.kill('SIGHUP');
    await agent.asked(2);
    agent.process.kill('SIGTERM');
    expect(await once(agent.process, 'exit')).toEqual([0, null]);
  });
});
