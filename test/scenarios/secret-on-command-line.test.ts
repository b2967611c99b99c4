import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../agent/folder.ts';
import { ROOT } from './scenario.ts';

test.skipIf(process.platform !== 'linux')(
  'a secret on the command line is gone from the list of processes once the agent runs, and warned of',
  async () => {
    const broker = createServer();
    broker.listen(0, '127.0.0.1');
    await once(broker, 'listening');
    onTestFinished(() => {
      broker.closeAllConnections();
      broker.close();
    });
    const { port } = broker.address() as AddressInfo;
    const secret = '00112233445566778899aabbccddeeff';
    const agent = spawn(
      process.execPath,
      [
        join(ROOT, 'dist/joinbot.cjs'),
        'start',
        `--data-dir=${await temporaryFolder()}`,
        `--token=${secret}`,
        '--join-method=token',
        `--auth-server=http://127.0.0.1:${port}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    agent.stderr.on('data', (text) => {
      said += text;
    });
    // It asks for the trust bundle, and waits.
    await once(broker, 'request');
    expect(await readFile(`/proc/${agent.pid}/cmdline`, 'utf8')).not.toContain(secret);
    agent.kill('SIGKILL');
    await once(agent, 'close');
    expect(said).toContain('WARN  a secret on the command line shows in the list of processes');
    expect(said).not.toContain(secret);
  },
);
