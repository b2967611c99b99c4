/** The environment of the broker in the local stack: everything beside it is on loopback, and nothing of Azure is real. */
import { join } from 'node:path';
import type { Listening } from './azure/cloud.ts';
import type { DescribedCloud } from './azure/description.ts';
import type { Tables } from './tables.ts';

export interface Surroundings {
  /** Where the broker keeps files. */
  readonly state: string;
  /** The file of the simulated cloud's profile. */
  readonly profile: string;
  readonly tables: Tables;
  readonly azure: Listening;
  readonly described: DescribedCloud;
}

export const KEY_FILE = 'key-encryption-key';

const CLUSTER_NAME = 'join-broker.local';

export function brokerSettings({
  state,
  profile,
  tables,
  azure,
  described,
}: Surroundings): Record<string, string> {
  const { tenant, cloud, application } = described;
  return {
    JOIN_BROKER_CLUSTER_NAME: CLUSTER_NAME,
    JOIN_BROKER_CLOUD: 'Simulated',
    JOIN_BROKER_SIMULATED_CLOUD: profile,
    JOIN_BROKER_TENANTS: cloud.tenants.map(({ id }) => id).join(','),
    JOIN_BROKER_OPERATORS_TENANT: tenant.id,
    JOIN_BROKER_OPERATORS_CLIENT_ID: application.clientId,
    JOIN_BROKER_TABLES_URL: tables.url,
    JOIN_BROKER_TABLES_KEY: tables.key,
    JOIN_BROKER_KEY_FILE: join(state, KEY_FILE),
    IDENTITY_ENDPOINT: azure.brokerIdentity.endpoint,
    IDENTITY_HEADER: azure.brokerIdentity.header,
  };
}
