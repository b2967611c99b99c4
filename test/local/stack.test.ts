import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { type Stack, type StackOptions, startStack } from '../../local/stack.ts';

const DESCRIPTION = fileURLToPath(new URL('../../examples/local-azure.yaml', import.meta.url));

async function emptyFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'stack-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function start(directory: string, options: Partial<StackOptions> = {}) {
  const stack = await startStack({
    directory,
    description: DESCRIPTION,
    log: () => {},
    ...options,
  });
  onTestFinished(() => stack.close());
  return stack;
}

const endpointsIn = async (folder: string): Promise<Stack['endpoints']> =>
  JSON.parse(await readFile(join(folder, '.local/endpoints.json'), 'utf8'));

test('everything that endpoints.json names is up, and the broker is ready', async () => {
  const folder = await emptyFolder();
  const { endpoints, described } = await start(folder);
  expect(await endpointsIn(folder)).toEqual(endpoints);
  expect((await stat(join(folder, '.local/endpoints.json'))).mode & 0o777).toBe(0o600);
  expect(new Set(Object.keys(endpoints.machines))).toEqual(new Set(described.machines.keys()));

  expect((await fetch(`${endpoints.broker}/readyz`)).status).toBe(200);
  const { id } = described.tenant;
  const directory = `${endpoints.directory}/${id}/v2.0/.well-known/openid-configuration`;
  expect((await fetch(directory)).status).toBe(200);
  const imds = `${endpoints.machines['vm-user']?.imds}/metadata/instance?api-version=2021-02-01`;
  const instance = await fetch(imds, { headers: { Metadata: 'true' } });
  expect(await instance.json()).toMatchObject({ compute: { name: 'vm-user' } });
});

test('two stacks in two folders do not disturb each other, even with the same wishes', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const { endpoints } = await start(await emptyFolder(), { ports: { broker: port, tables: port } });
  expect(new URL(endpoints.broker).port).not.toBe(String(port));
  expect((await fetch(`${endpoints.broker}/readyz`)).status).toBe(200);
});

test('a second stack in the folder is refused while the first one runs', async () => {
  const folder = await emptyFolder();
  const first = await start(folder);
  await expect(start(folder)).rejects.toThrow('A stack runs here already');
  expect(await endpointsIn(folder)).toEqual(first.endpoints);
  await first.close();
  await expect(endpointsIn(folder)).rejects.toThrow('ENOENT');
  await start(folder);
});

test('a broker that does not start leaves nothing behind that runs', async () => {
  const folder = await emptyFolder();
  const lines: string[] = [];
  const env = { JOIN_BROKER_CLUSTER_NAME: 'not a name' };
  await expect(start(folder, { env, log: (line) => lines.push(line) })).rejects.toThrow(
    'authorities were not made',
  );
  expect(lines.join()).toContain('JOIN_BROKER_CLUSTER_NAME');
  await start(folder);
});

test('a wrong description is an error that says what is wrong', async () => {
  const folder = await emptyFolder();
  const description = join(folder, 'azure.yaml');
  await writeFile(description, 'tenant: 1\n');
  await expect(start(folder, { description })).rejects.toThrow('tenant: ');
});
