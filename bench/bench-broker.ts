/** A broker with storage in memory, on a simulated cloud whose chain has RSA-4096 authorities, as Azure's has. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCloud } from '../local/azure/cloud.ts';
import { parseMachineId } from '../shared/attestation/azure/resource-id.ts';
import { openLocalCustody } from '../shared/authority/local-custody.ts';
import { type Broker, createBroker } from '../shared/broker.ts';
import { fetchText } from '../shared/fetch-text.ts';
import { readSettings } from '../shared/settings.ts';
import { createMemoryTables } from '../shared/storage/memory-tables.ts';
import { createLogTelemetry } from '../shared/telemetry/telemetry.ts';
import { makeJoin } from './joiner.ts';

const OPERATORS = '00000000-0000-4000-8000-0000000000aa';

const CLUSTER = 'bench.example.org';

export interface BenchBroker {
  readonly broker: Broker;
  /** JSON bodies of first joins, each with keys of its own. */
  makeBodies(count: number): Promise<readonly string[]>;
}

export async function createBenchBroker(): Promise<BenchBroker> {
  const now = (): Date => new Date();
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
    tables: createMemoryTables(),
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
    fetchSts: fetch,
    telemetry: createLogTelemetry(now, () => {}),
    now,
  });
  await broker.initAuthorities({}, { requestId: 'bench' });
  await putResources(broker, subscription.id);
  return {
    broker,
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
  await broker.resources.put('token', 'example-bot', JSON.stringify(token), create);
}
