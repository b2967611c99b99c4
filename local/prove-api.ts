/**
 * `npm run prove:api -- [examples] [seed]`: schemathesis (PyPI) reads the API's own description and sends so many requests
 * to each operation of a whole local stack, right and wrong ones, always the same for a seed. Ends with its exit code.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from '../scripts/build-if-stale.ts';
import { startStack } from './stack.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [examples, seed] = [process.argv[2] ?? 25, process.argv[3] ?? 1].map(Number);
if (!Number.isInteger(examples) || !Number.isInteger(seed)) {
  process.stderr.write('Expected how many requests for each operation, and a seed: 25 1.\n');
  process.exit(2);
}

await buildIfStale();
const folder = await mkdtemp(join(tmpdir(), 'prove-api-'));
const log: string[] = [];
const stack = await startStack({
  directory: folder,
  description: join(ROOT, 'examples/local-azure.yaml'),
  awsDescription: join(ROOT, 'examples/local-aws.yaml'),
  timers: false,
  log: (line) => log.push(line),
  // Each operation is asked more often than a caller in trouble would ask.
  env: {
    JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '10000',
    JOIN_BROKER_FAILED_JOINS_PER_MACHINE: '10000',
  },
});
try {
  const { application, tenant } = stack.described;
  const roles = ['JoinBroker.Admin', 'JoinBroker.AuthorityAdmin'];
  const token = tenant.operator({ application, roles }).accessToken();
  const child = spawn(
    'python3',
    [
      ...['-m', 'schemathesis.cli', '--config-file', join(ROOT, 'test/peers/schemathesis.toml')],
      ...['run', `${stack.endpoints.broker}/v1/openapi.json`],
      ...['--header', `Authorization: Bearer ${token}`],
      ...['--max-examples', String(examples), '--seed', String(seed), '--no-color'],
    ],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SCHEMATHESIS_HOOKS: join(ROOT, 'test/peers/schemathesis_hooks.py') },
    },
  );
  const ended = new Promise<number>((resolve) => {
    child.on('error', ({ message }) => {
      process.stderr.write(`schemathesis can not be started: ${message}\n`);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    // Its last line looks like that of pytest where no test ran.
    if (!/^=+ .+ in [\d.]+s =+$/.test(line)) process.stdout.write(`${line}\n`);
  }
  process.exitCode = await ended;
  const faults = log.filter((line) => line.includes('"event":"failure"'));
  for (const line of faults.slice(0, 20)) process.stdout.write(`${line}\n`);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
}
