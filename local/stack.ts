/** Everything on one machine: tables, a simulated Azure, and the built broker in the Functions host. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ListeningAws } from './aws/cloud.ts';
import { describedAws } from './aws/description.ts';
import type { Cloud } from './azure/cloud.ts';
import { type DescribedCloud, describedCloud } from './azure/description.ts';
import type { ListenOptions } from './azure/servers.ts';
import { brokerSettings, KEY_FILE } from './broker-settings.ts';
import { type Endpoints, removeEndpoints, writeEndpoints, writePrivately } from './endpoints.ts';
import { createFunctionsHost, type FunctionsHost } from './functions-host.ts';
import { takeRunFile } from './run-file.ts';
import { startTables } from './tables.ts';

export interface StackOptions {
  /** The stack's state and `endpoints.json` are in `.local` of this folder. One stack can run in a folder. */
  readonly directory: string;
  /** The YAML file that describes the simulated Azure. */
  readonly description: string;
  /** The YAML file that describes the simulated AWS, where there is to be one. */
  readonly awsDescription?: string;
  /** Preferred ports; a taken one, or none, means a free one. */
  readonly ports?: StackPorts;
  /** Settings of the broker beyond, or instead of, the stack's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the broker's timers run by themselves; they do unless this is `false`. */
  readonly timers?: boolean;
  /** Takes each line that the broker logs. Without it they go where this process's output goes. */
  readonly log?: (line: string) => void;
}

export interface StackPorts {
  readonly broker?: number;
  readonly tables?: number;
  readonly azure?: NonNullable<ListenOptions['ports']>;
}

export interface Stack {
  readonly endpoints: Endpoints;
  readonly cloud: Cloud;
  readonly described: DescribedCloud;
  readonly host: FunctionsHost;
  /** The broker's environment: another instance of it can be started with the same. */
  readonly settings: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** The folder of the built function app. */
const APP = fileURLToPath(new URL('..', import.meta.url));

/** Starts everything, or nothing: what is up already is stopped when a later part can't start. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const started: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const stop of started.splice(0).reverse()) {
      await stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not all of the stack stopped.');
  };
  try {
    return { ...(await start(options, (stop) => started.push(stop))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  {
    directory,
    description,
    awsDescription,
    ports = {},
    env = {},
    timers = true,
    log,
  }: StackOptions,
  onClose: (stop: () => Promise<void>) => void,
): Promise<Omit<Stack, 'close'>> {
  const state = join(directory, '.local');
  const described = describedCloud(await readFile(description, 'utf8'), { now: () => new Date() });
  onClose(await takeRunFile(join(state, 'stack.pid')));

  const tables = await onPreferredPort(ports.tables, startTables);
  onClose(tables.close);
  const azure = await described.cloud.listen({ ...(ports.azure && { ports: ports.azure }) });
  onClose(azure.close);
  const aws = awsDescription === undefined ? undefined : await startAws(awsDescription, onClose);
  const profile = join(state, 'simulated-cloud.json');
  const clouds = { ...azure.profile, ...(aws && { sts: aws.urls.sts }) };
  await writePrivately(profile, `${JSON.stringify(clouds, null, 2)}\n`);
  // Tables are in memory: what the last stack's key file remembers was in tables that are gone.
  await rm(join(state, KEY_FILE), { force: true });
  const settings = { ...brokerSettings({ state, profile, tables, azure, described }), ...env };
  const host = await createFunctionsHost(APP, {
    env: settings,
    timers,
    ...(log && { log }),
  });
  onClose(host.close);
  const broker = await onPreferredPort(ports.broker, host.listen);
  await initAuthorities(broker, described);
  await expectReady(broker);

  const { urls } = azure;
  const endpoints: Endpoints = {
    broker,
    tables: tables.url,
    directory: urls.directory,
    management: urls.management,
    pki: urls.pki,
    machines: Object.fromEntries(
      Object.entries({ ...urls.machines, ...aws?.urls.machines }).map(([name, imds]) => [
        name,
        { imds },
      ]),
    ),
  };
  const file = join(state, 'endpoints.json');
  onClose(() => removeEndpoints(file));
  await writeEndpoints(file, endpoints);
  return { endpoints, cloud: described.cloud, described, host, settings };
}

async function startAws(
  description: string,
  onClose: (stop: () => Promise<void>) => void,
): Promise<ListeningAws> {
  const { cloud } = describedAws(await readFile(description, 'utf8'), { now: () => new Date() });
  const aws = await cloud.listen();
  onClose(aws.close);
  return aws;
}

/** The operator's first act, as `joinctl auth init` does it. */
async function initAuthorities(
  broker: string,
  { tenant, application }: DescribedCloud,
): Promise<void> {
  const operator = tenant.operator({ application, roles: ['JoinBroker.AuthorityAdmin'] });
  const answer = await fetch(`${broker}/v1/authorities/init`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${operator.accessToken()}`,
      'content-type': 'application/json',
    },
    body: '{}',
  });
  if (!answer.ok) throw new Error(`The broker's authorities were not made: ${await answer.text()}`);
}

async function expectReady(broker: string): Promise<void> {
  const answer = await fetch(`${broker}/readyz`);
  if (answer.ok) return;
  throw new Error(
    `The broker is up but not ready; its log says why. /readyz: ${await answer.text()}`,
  );
}

async function onPreferredPort<T>(
  port: number | undefined,
  listen: (port?: number) => Promise<T>,
): Promise<T> {
  if (port === undefined) return listen();
  try {
    return await listen(port);
  } catch (error) {
    const taken = error instanceof Error && error.message.includes('EADDRINUSE');
    if (!taken) throw error;
    return listen();
  }
}
