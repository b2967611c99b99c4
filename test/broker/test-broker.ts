/** A broker on a simulated cloud, in process and with a clock of its own: the API's own handlers, storage in memory. */
import { HttpRequest, type InvocationContext } from '@azure/functions';
import { type Endpoint, handlerOf } from '../../functions/endpoint.ts';
import { endpointsOf } from '../../functions/parts.ts';
import type { AwsCloud } from '../../local/aws/cloud.ts';
import { type Cloud, createCloud } from '../../local/azure/cloud.ts';
import type { Tenant } from '../../local/azure/tenant.ts';
import { createAzureMachineDirectory } from '../../shared/attestation/azure/azure-machine-directory.ts';
import type { Custody } from '../../shared/authority/custody.ts';
import { type Broker, createBroker } from '../../shared/broker.ts';
import { fetchText } from '../../shared/fetch-text.ts';
import type { BrokerParts } from '../../shared/foundation.ts';
import type { Outside } from '../../shared/probing/prober.ts';
import { Refusal } from '../../shared/refusal.ts';
import { readSettings } from '../../shared/settings.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import type { Tables } from '../../shared/storage/table.ts';
import {
  type AuditEvent,
  createLogTelemetry,
  type Telemetry,
} from '../../shared/telemetry/telemetry.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';
import { createMemoryCustody } from './memory-custody.ts';

/** Where every test's clock starts, unless it sets it. */
export const NOON = new Date('2026-11-20T12:00:00Z');

export interface Clock {
  now(): Date;
  advance(seconds: number): void;
}

export function createClock(start: Date = NOON): Clock {
  let time = start.getTime();
  return {
    now: () => new Date(time),
    advance(seconds) {
      time += seconds * 1000;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body's JSON, or its text where it is none. */
  readonly body: unknown;
  /** The body as it was sent. */
  readonly bytes: Uint8Array;
}

export interface RequestOptions {
  /** Sent as JSON, unless it is text or bytes already. */
  readonly body?: unknown;
  /** Beside those that the body needs, or in their place; `null` leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

export interface Api {
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** The audit lines so far. */
  readonly audit: readonly (AuditEvent & { readonly request_id: string })[];
}

export interface TestBroker extends Api {
  readonly cloud: Cloud;
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly tables: Tables;
  readonly custody: Custody;
  readonly broker: Broker;
  /** Makes the authorities, unless that was done: every request does it first. */
  ready(): Promise<void>;
  /** Puts a resource as an admin. Fails where the broker refuses it. */
  put(resource: object): Promise<void>;
  /** Another function instance of the same broker: own memory, same storage. */
  another(): TestBroker;
}

export interface TestBrokerOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly tables?: Tables;
  readonly cloud?: Cloud;
  readonly clock?: Clock;
  readonly custody?: Custody;
  /** Goes in the place of the log, or around it. */
  readonly telemetry?: (log: Telemetry) => Telemetry;
  /** How the prober reaches the broker. */
  readonly outside?: Outside;
  /** How the container of backups is reached. */
  readonly backups?: BrokerParts['backups'];
  /** How long the management API may take. */
  readonly managementTimeoutMs?: number;
  /** Whether the first request finds an authority. */
  readonly init?: 'first' | 'none' | (() => Promise<void>);
  /** A simulated AWS, whose STS the broker asks. */
  readonly aws?: AwsCloud;
}

const OPERATORS = '00000000-0000-4000-8000-0000000000aa';

export function createTestBroker(options: TestBrokerOptions = {}): TestBroker {
  const clock = options.clock ?? createClock();
  const cloud = options.cloud ?? createCloud({ now: clock.now, keys: sharedRsaKeys() });
  const tenant = cloud.tenants[0] ?? cloud.tenant();
  const tables = options.tables ?? createMemoryTables();
  const custody = options.custody ?? createMemoryCustody();
  const application = tenant.application({
    clientId: OPERATORS,
    appRoles: ['JoinBroker.Admin', 'JoinBroker.Reader', 'JoinBroker.AuthorityAdmin'],
  });
  const admin = tenant.operator({ application, roles: ['JoinBroker.Admin'] });
  const audit: (AuditEvent & { request_id: string })[] = [];
  const log = createLogTelemetry(clock.now, (line) => audit.push(JSON.parse(line)));
  const settings = readSettings({
    JOIN_BROKER_CLUSTER_NAME: 'test.example.org',
    JOIN_BROKER_TENANTS: tenant.id,
    JOIN_BROKER_OPERATORS_TENANT: tenant.id,
    JOIN_BROKER_OPERATORS_CLIENT_ID: application.clientId,
    JOIN_BROKER_TABLES_URL: 'https://test.table.core.windows.net',
    JOIN_BROKER_KEY_FILE: 'unused',
    ...options.settings,
  });
  const broker = createBroker({
    settings,
    cloud: {
      name: 'Simulated',
      attestedDomains: cloud.profile.attested_domains,
      directory: cloud.profile.directory,
      issuers: cloud.profile.issuers,
      management: cloud.profile.management,
    },
    roots: cloud.roots,
    tables,
    custody,
    machines: createAzureMachineDirectory({
      management: cloud.profile.management.replace('http:', 'https:'),
      audience: cloud.profile.management,
      fetch: (input, init) => cloud.fetch(String(input).replace('https:', 'http:'), init),
      credential: { getToken: () => brokerToken(cloud) },
      ...(options.managementTimeoutMs !== undefined && { timeoutMs: options.managementTimeoutMs }),
    }),
    fetchKeySet: (id) =>
      fetchText(cloud.fetch, `${cloud.profile.directory}/${id}/discovery/v2.0/keys`, {
        mostBytes: 100_000,
        milliseconds: 5000,
      }),
    fetchSts: options.aws?.fetch ?? unreachableSts,
    telemetry: options.telemetry?.(log) ?? log,
    ...(options.outside && { outside: options.outside }),
    ...(options.backups && { backups: options.backups }),
    now: clock.now,
  });
  const { init = 'first' } = options;
  const ready =
    init === 'none' ? async () => {} : init === 'first' ? initOnce(broker, audit) : init;
  const api = createApi(broker, endpointsOf(settings), audit, ready);
  return {
    ...api,
    cloud,
    tenant,
    clock,
    tables,
    custody,
    broker,
    ready,
    async put(resource) {
      const { kind, metadata } = resource as { kind: string; metadata: { name: string } };
      const send = (condition: Record<string, string>) =>
        api.request('PUT', `/v1/resources/${kind}/${metadata.name}`, {
          body: resource,
          headers: { authorization: `Bearer ${admin.accessToken()}`, ...condition },
        });
      let answer = await send({ 'if-none-match': '*' });
      if (answer.status === 409) answer = await send({ 'if-match': '*' });
      if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
    },
    another: () => createTestBroker({ ...options, cloud, clock, tables, custody, init: ready }),
  };
}

const unreachableSts: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));

async function brokerToken(cloud: Cloud) {
  const { endpoint, header } = cloud.brokerIdentity;
  const url = `${endpoint}?api-version=2019-08-01&resource=${encodeURIComponent(cloud.profile.management)}`;
  const response = await cloud.fetch(url, { headers: { 'x-identity-header': header } });
  const { access_token, expires_on } = (await response.json()) as {
    access_token: string;
    expires_on: string;
  };
  return { token: access_token, expiresOnTimestamp: Number(expires_on) * 1000 };
}

/** The operator's first act, before the first request, and nothing of a test's log. Where it fails, the request shows why. */
function initOnce(broker: Broker, audit: AuditEvent[]): () => Promise<void> {
  let done: Promise<void> | undefined;
  const act = async (): Promise<void> => {
    try {
      await broker.authorities.init({}, { requestId: 'init' });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code === 'unavailable') done = undefined;
    }
    audit.length = 0;
  };
  return () => {
    done ??= act();
    return done;
  };
}

/** Calls the API's handlers as the Functions host does. */
function createApi(
  broker: Broker,
  endpoints: readonly Endpoint[],
  audit: (AuditEvent & { request_id: string })[],
  ready: () => Promise<void>,
): Api {
  return {
    audit,
    async request(method, path, { body, headers = {} } = {}) {
      const url = new URL(path, 'https://broker.example.org');
      const { endpoint, params } = route(endpoints, method, url.pathname);
      if ('answer' in endpoint) await ready();
      const bytes = body === undefined ? undefined : bytesOf(body);
      const length = bytes && { 'content-length': String(bytes.length) };
      const type = bytes && { 'content-type': 'application/json' };
      const given = Object.entries({ ...length, ...type, ...headers });
      const request = new HttpRequest({
        method,
        url: url.href,
        params,
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(
          given.filter((header): header is [string, string] => header[1] !== null),
        ),
        ...(bytes && { body: { bytes } }),
      });
      const log = (line: string): void => {
        const event = JSON.parse(line) as AuditEvent & { request_id: string };
        audit.push(event);
      };
      const context = { log, warn() {}, error() {} } as unknown as InvocationContext;
      const response = await handlerOf(endpoint, () => Promise.resolve(broker))(request, context);
      const sent = bytesOf(response.body ?? '');
      return {
        status: response.status ?? 200,
        headers: new Headers(response.headers as Record<string, string>),
        body: jsonOf(Buffer.from(sent).toString('utf8')),
        bytes: sent,
      };
    },
  };
}

function route(
  endpoints: readonly Endpoint[],
  method: string,
  pathname: string,
): { endpoint: Endpoint; params: Record<string, string> } {
  for (const endpoint of endpoints) {
    const names = endpoint.route.split('/');
    const given = pathname.slice(1).split('/');
    const fits =
      names.length === given.length &&
      names.every((part, i) => part.startsWith('{') || part === given[i]);
    if (
      endpoint.route !== '{*path}' &&
      !(fits && (endpoint.methods as readonly string[]).includes(method))
    )
      continue;
    const params = names.flatMap((part, i) =>
      part.startsWith('{') ? [[part.slice(1, -1), decodeURIComponent(given[i] ?? '')]] : [],
    );
    return { endpoint, params: Object.fromEntries(params) };
  }
  throw new Error('no function');
}

const bytesOf = (body: unknown): Uint8Array =>
  body instanceof Uint8Array
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
