/** How long a cold function app takes from the start of its process until the first join is answered. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Machine } from '../local/azure/machine.ts';
import { type Stack, startStack } from '../local/stack.ts';
import { makeJoin } from './joiner.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TOKEN = 'example-bot';

type Environment = Readonly<Record<string, string>>;

/** A machine makes at most eight instances in ten seconds. */
const PAUSE_MILLISECONDS = 1300;

/**
 * Milliseconds of some runs with each of the environments, by turns, beside the settings that a broker needs anyway; what
 * the joiner itself needs is left out.
 */
export async function measureFirstJoin(
  runs: number,
  environments: readonly Environment[],
): Promise<number[][]> {
  const directory = await mkdtemp(join(tmpdir(), 'first-join-'));
  const description = join(ROOT, 'examples/local-azure.yaml');
  const stack = await startStack({ directory, description, log: () => {} });
  try {
    await applyExamples(stack);
    const machine = stack.described.machines.get('vm-user');
    if (!machine) throw new Error('Expected: examples/local-azure.yaml describes vm-user');
    const measured = environments.map((): number[] => []);
    for (let run = 0; run < runs; run += 1) {
      for (const [i, environment] of environments.entries()) {
        measured[i]?.push(await firstJoin(stack, machine, environment));
        await setTimeout(PAUSE_MILLISECONDS);
      }
    }
    return measured;
  } finally {
    await stack.close();
    await rm(directory, { recursive: true });
  }
}

async function applyExamples({ endpoints, described }: Stack): Promise<void> {
  const authorization = `Bearer ${described.operators.get('admin')?.accessToken()}`;
  for (const file of ['role', 'bot', 'bot-token']) {
    const resource = parse(await readFile(join(ROOT, `examples/${file}.yaml`), 'utf8'));
    const path = `/v1/resources/${resource.kind}/${resource.metadata.name}`;
    await send(endpoints.broker, 'PUT', path, resource, { authorization, 'if-none-match': '*' });
  }
}

async function firstJoin(
  { settings }: Stack,
  machine: Machine,
  environment: Environment,
): Promise<number> {
  const started = performance.now();
  const app = spawn(process.execPath, [join(ROOT, 'bench/app-process.ts'), ROOT], {
    env: { ...settings, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const broker = await firstLine(app);
    const paused = performance.now();
    const body = await makeJoin(machine, TOKEN, settings['JOIN_BROKER_CLUSTER_NAME'] ?? '');
    const joiner = performance.now() - paused;
    await send(broker, 'POST', '/v1/join', body);
    return performance.now() - started - joiner;
  } finally {
    const exited = once(app, 'exit');
    app.kill();
    await exited;
  }
}

async function firstLine({ stdout, stderr }: ChildProcessByStdio<null, Readable, Readable>) {
  const said = text(stderr);
  for await (const line of createInterface({ input: stdout })) return line;
  throw new Error(`The app does not start: ${await said}`);
}

async function send(
  broker: string,
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const answer = await fetch(`${broker}${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${said}`);
  return JSON.parse(said);
}
