/** `npm start`: the whole stack on this machine until Ctrl-C. */
import { join, relative, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from '../scripts/build-if-stale.ts';
import type { Endpoints } from './endpoints.ts';
import { startStack } from './stack.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PREFERRED_PORTS = {
  broker: 7071,
  tables: 10002,
  azure: { directory: 7080, management: 7081, pki: 7082, brokerIdentity: 7083 },
};

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
// npm and the terminal may each pass on the same Ctrl-C: the first one counts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop());

try {
  await buildIfStale();
  const stack = await startStack({
    // The folder whose .local is used: the project's own, if none is given.
    directory: resolve(process.argv[2] ?? ROOT),
    description: join(ROOT, 'examples/local-azure.yaml'),
    awsDescription: join(ROOT, 'examples/local-aws.yaml'),
    ports: PREFERRED_PORTS,
    log: print,
  });
  print(overview(stack.endpoints));
  await stopped;
  print('Stopping ...');
  await stack.close();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function overview({ machines, ...services }: Endpoints): string {
  const rows = [
    ...Object.entries(services),
    ...Object.entries(machines).map(([name, { imds }]) => [`IMDS of ${name}`, imds]),
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  const imds = machines['vm-user']?.imds;
  return `
The local stack is up, with a simulated Azure. These addresses are in .local/endpoints.json:

${rows.map(([name = '', address]) => `  ${name.padEnd(width)}  ${address}`).join('\n')}

Try, in another terminal in ${relative(process.cwd(), ROOT) || 'this folder'}:

  node dist/joinctl.cjs create -f examples/role.yaml
  node dist/joinctl.cjs create -f examples/bot.yaml
  node dist/joinctl.cjs create -f examples/bot-token.yaml
  JOINBOT_IMDS_URL=${imds} JOINBOT_PKI_URL=${services.pki} \\
    node dist/joinbot.cjs start -c examples/joinbot.yaml --proxy-server ${services.broker} \\
    --destination-dir .local/identity --oneshot
  ssh-keygen -L -f .local/identity/key-cert.pub

What follows is the broker's log. Ctrl-C stops everything, and forgets it: the next start has new keys and no resources.
`;
}
