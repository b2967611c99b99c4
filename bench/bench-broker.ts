/** A broker with storage in memory, on a simulated cloud whose chain has RSA-4096 authorities, as Azure's has. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cloud, createCloud } from '../local/azure/cloud.ts';
import type { Subscription } from '../local/azure/subscription.ts';
import type { Tenant } from '../local/azure/tenant.ts';
import { parseMachineId } from '../shared/attestation/azure/resource-id.ts';
import { openLocalCustody } from '../shared/authority/local-custody.ts';
import { type Broker, createBroker } from '../shared/broker.ts';
import { fetchText } from '../shared/fetch-text.ts';
import { readSettings } from '../shared/settings.ts';
import { createMemoryTable, createMemoryTables } from '../shared/storage/memory-tables.ts';
import type { Table } from '../shared/storage/table.ts';
import { createLogTelemetry, type Telemetry } from '../shared/telemetry/telemetry.ts';
import { makeJoin } from './joiner.ts';

const OPERATORS = '00000000-0000-4000-8000-0000000000aa';

export const CLUSTER = 'bench.example.org';

export interface BenchBroker {
  readonly broker: Broker;
  readonly cloud: Cloud;
  readonly tenant: Tenant;
  /** The rule of join token `example-bot` names its resource group `group1`. */
  readonly subscription: Subscription;
  /** JSON bodies of first joins, each with keys of its own. */
  makeBodies(count: number): Promise<readonly string[]>;
}

export interface BenchOptions {
  readonly telemetry?: Telemetry;
  readonly fetchSts?: typeof fetch;
}

const now = (): Date => new Date();

export async function createBenchBroker({
  telemetry = createLogTelemetry(now, () => {}),
  fetchSts = fetch,
}: BenchOptions = {}): Promise<BenchBroker> {
  const cloud = createCloud({ now, chain: 'rsa' });
  const tenant = cloud.tenant();
  const subscription = tenant.subscription();
  const vm = subscription.virtualMachine('vm', { resourceGroup: 'group1', systemAssigned: true });
  const id = parseMachineId(vm.resourceId);
  const principalId = vm.identities.systemAssigned?.principalId;
  if (id?.kind !== 'vm' || principalId === undefined)
    throw new Error('the machine has no identity');
  const machine = {
    id,
    vmId: vm.vmId,
    scaleSet: undefined,
    location: undefined,
    identities: [{ principalId, resourceId: undefined }],
  };

  const { attested_domains, directory, issuers, management } = cloud.profile;
  const broker = createBroker({
    settings: readSettings({
      JOIN_BROKER_CLUSTER_NAME: CLUSTER,
      JOIN_BROKER_TENANTS: tenant.id,
      JOIN_BROKER_OPERATORS_TENANT: tenant.id,
      JOIN_BROKER_OPERATORS_CLIENT_ID: OPERATORS,
      JOIN_BROKER_TABLES_URL: 'https://bench.table.core.windows.net',
      JOIN_BROKER_KEY_FILE: 'unused',
    }),
    cloud: { name: 'Simulated', attestedDomains: attested_domains, directory, issuers, management },
    roots: cloud.roots,
    tables: { ...createMemoryTables(), machines: ofNewMachines() },
    custody: openLocalCustody(join(mkdtempSync(join(tmpdir(), 'bench-')), 'key')),
    machines: {
      read: async () => machine,
      findInSet: async () => undefined,
      findInSubscription: async () => undefined,
    },
    fetchKeySet: (of) =>
      fetchText(cloud.fetch, `${directory}/${of}/discovery/v2.0/keys`, {
        mostBytes: 100_000,
        milliseconds: 5000,
      }),
    fetchSts,
    telemetry,
    now,
  });
  await broker.authorities.init({}, { requestId: 'bench' });
  await putResources(broker, subscription.id);
  return {
    broker,
    cloud,
    tenant,
    subscription,
    makeBodies: (count) =>
      Promise.all(
        Array.from({ length: count }, async () =>
          JSON.stringify(await makeJoin(vm, 'example-bot', CLUSTER)),
        ),
      ),
  };
}

async function putResources(broker: Broker, subscription: string): Promise<void> {
  const create = { ifNoneMatch: '*', ifMatch: null };
  const bot = {
    kind: 'bot',
    version: 'v1',
    metadata: { name: 'example' },
    spec: { roles: ['access'], traits: [{ name: 'logins', values: ['root'] }] },
  };
  const token = {
    kind: 'token',
    version: 'v2',
    metadata: { name: 'example-bot' },
    spec: {
      roles: ['Bot'],
      bot_name: 'example',
      join_method: 'azure',
      azure: { allow: [{ subscription, resource_groups: ['group1'] }] },
    },
  };
  await broker.resources.put('bot', 'example', JSON.stringify(bot), create);
  const aws = {
    ...token,
    metadata: { name: 'example-aws' },
    spec: {
      roles: ['Bot'],
      bot_name: 'example',
      join_method: 'iam',
      allow: [{ aws_account: '111111111111' }],
    },
  };
  await broker.resources.put('token', 'example-bot', JSON.stringify(token), create);
  await broker.resources.put('token', 'example-aws', JSON.stringify(aws), create);
}

/** All joins of a benchmark are one machine's, where nearly every other machine has no second instance: each finds an empty table. */
function ofNewMachines(): Table {
  let table = createMemoryTable();
  return {
    read(partition, key) {
      table = createMemoryTable();
      return table.read(partition, key);
    },
    list: (query) => table.list(query),
    apply: (operations) => table.apply(operations),
  };
}
