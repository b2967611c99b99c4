/** The built agent as a process of its own, before a small broker and a simulated VM that listen on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createCloud } from '../../local/azure/cloud.ts';
import { startServer } from '../../local/azure/servers.ts';
import { createFakeBroker, type FakeBroker } from '../agent/fake-broker.ts';
import { temporaryFolder } from '../agent/folder.ts';
import { ROOT } from '../scenarios/scenario.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';

export interface AgentHome {
  readonly folder: string;
  readonly broker: FakeBroker;
  /** Starts it; it goes on until it is killed. `program`: another one than the bundle, in another environment. */
  start(program?: Program): RunningAgent;
}

interface Program {
  readonly words: readonly [file: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
}

export interface RunningAgent {
  readonly child: ChildProcess;
  /** Resolves once it has said this so often. Rejects where it ends before. */
  says(text: string, times: number): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** The kernel's count of its resident memory, in bytes. */
  resident(): number;
}

/** Both are lines of YAML, with `{folder}` for the folder of the test. */
export async function createAgentHome(
  outputs: readonly string[],
  services: readonly string[] = [],
): Promise<AgentHome> {
  const now = () => new Date();
  const cloud = createCloud({ now, keys: sharedRsaKeys(), chain: 'ec' });
  cloud
    .tenant()
    .subscription()
    .virtualMachine('vm-1', { resourceGroup: 'group1', systemAssigned: true });
  const azure = await cloud.listen();
  const broker = await createFakeBroker(now);
  const server = await startServer((request) => broker.fetch(request));
  onTestFinished(async () => {
    await azure.close();
    await server.close();
  });
  const folder = await temporaryFolder();
  const config = join(folder, 'joinbot.yaml');
  const lines = [
    'version: v2',
    `proxy_server: ${server.url}`,
    'onboarding: {join_method: azure, token: example-bot}',
    `storage: {type: directory, path: ${folder}/bot}`,
    'outputs:',
    ...outputs.map((line) => `  - ${line}`),
    'services:',
    ...services.map((line) => `  - ${line}`),
  ];
  await writeFile(config, `${lines.join('\n').replaceAll('{folder}', folder)}\n`);
  const env = {
    PATH: process.env['PATH'],
    JOINBOT_IMDS_URL: azure.urls.machines['vm-1'],
    JOINBOT_PKI_URL: azure.urls.pki,
  };
  const bundle: Program = { words: [process.execPath, join(ROOT, 'dist/joinbot.cjs')], env: {} };
  return {
    folder,
    broker,
    start: (program = bundle) => startAgent(program.words, config, { ...env, ...program.env }),
  };
}

function startAgent(
  [file, ...words]: Program['words'],
  config: string,
  env: Readonly<NodeJS.ProcessEnv>,
): RunningAgent {
  const child = spawn(file, [...words, 'start', '-c', config], {
    env: { ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close');
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  // Only counts are kept: a long run says a lot.
  const counts = new Map<string, number>();
  let line = '';
  let last = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    const parts = (line + text).split('\n');
    line = parts.pop() ?? '';
    for (const said of parts) {
      last = said;
      for (const word of counts.keys())
        if (said.includes(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  });
  return {
    child,
    async says(text, times) {
      if (!counts.has(text)) counts.set(text, 0);
      while ((counts.get(text) ?? 0) < times) {
        if (isOver) throw new Error(`the agent ended: ${last}`);
        await Promise.race([once(child.stderr, 'data'), ended]);
      }
    },
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
    resident() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
  };
}
