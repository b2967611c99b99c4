/** Azure Table Storage through `@azure/data-tables`. A bundle of its own. */
import {
  AzureNamedKeyCredential,
  odata,
  RestError,
  TableClient,
  type TableEntityResult,
  type TableServiceClientOptions,
  type TransactionAction,
} from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { withDeadline } from '../deadline.ts';
import { Refusal, unavailable } from '../refusal.ts';
import { passOnRetryAfter, retryAfterOf } from '../retry-after.ts';
import {
  eachTable,
  type Operation,
  operationsProblem,
  type Query,
  type Row,
  type StoredRow,
  type Table,
  type TableName,
  type Tables,
  type Value,
} from './table.ts';

export interface AzureTablesOptions {
  /** `https://<account>.table.core.windows.net`, or `http://127.0.0.1:<port>/<account>`. */
  readonly url: string;
  /** A managed identity on Azure, the account's key on loopback. */
  readonly credential: TokenCredential | { readonly key: string };
}

/** Each call has a deadline, and so has each page of a list. */
const inTime = <T>(ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> =>
  withDeadline(ask, 'table storage does not answer');

export function openAzureTables(options: AzureTablesOptions): Tables {
  return eachTable((name) => tableOf(clientOf(name, options)));
}

/** Tables are called by the names that the broker knows them by. */
function clientOf(name: TableName, { url, credential }: AzureTablesOptions): TableClient {
  const options: TableServiceClientOptions = {
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
    additionalPolicies: [{ policy: passOnRetryAfter, position: 'perRetry' }],
  };
  if (!('key' in credential)) return new TableClient(url, name, credential, options);
  const account = new URL(url).pathname.slice(1);
  const named = new AzureNamedKeyCredential(account, credential.key);
  return new TableClient(url, name, named, { ...options, allowInsecureConnection: true });
}

type Entity = Record<string, Value> & { partitionKey: string; rowKey: string };

function tableOf(client: TableClient): Table {
  let made: Promise<unknown> | undefined;

  /** Runs a call; makes the table if it turns out to be missing. */
  async function call<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (codeOf(error) !== 'TableNotFound') throw asRefusal(error);
    }
    try {
      made ??= inTime((abortSignal) => client.createTable({ abortSignal }));
      await made;
      return await action();
    } catch (error) {
      made = undefined;
      throw asRefusal(error);
    }
  }

  async function read(partition: string, key: string): Promise<StoredRow | undefined> {
    try {
      return rowOf(
        await inTime((abortSignal) => client.getEntity<Entity>(partition, key, { abortSignal })),
      );
    } catch (error) {
      if (codeOf(error) === 'ResourceNotFound') return undefined;
      throw error;
    }
  }

  async function list(query: Query): Promise<readonly StoredRow[]> {
    const filter = filterOf(query);
    const queryOptions = {
      ...(filter === '' ? {} : { filter }),
      ...(query.columns && { select: ['PartitionKey', 'RowKey', ...query.columns] }),
    };
    const rows: StoredRow[] = [];
    let from: { readonly continuationToken?: string } = {};
    for (;;) {
      const page = await inTime((abortSignal) =>
        client.listEntities<Entity>({ queryOptions, abortSignal }).byPage(from).next(),
      );
      if (page.done) return rows;
      for (const entity of page.value) if (rows.push(rowOf(entity)) === query.most) return rows;
      const { continuationToken } = page.value;
      if (continuationToken === undefined) return rows;
      from = { continuationToken };
    }
  }

  async function apply(operations: readonly Operation[]): Promise<boolean> {
    try {
      const [single, ...others] = operations;
      await inTime<unknown>((abortSignal) =>
        single && others.length === 0
          ? applyOne(client, single, abortSignal)
          : client.submitTransaction(operations.map(actionOf), { abortSignal }),
      );
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  return {
    read: (partition, key) => call(() => read(partition, key)),
    list: (query) => call(() => list(query)),
    async apply(operations) {
      const problem = operationsProblem(operations);
      if (problem) throw new Error(problem);
      return call(() => apply(operations));
    },
  };
}

function applyOne(
  client: TableClient,
  operation: Operation,
  abortSignal: AbortSignal,
): Promise<unknown> {
  switch (operation.kind) {
    case 'insert':
      return client.createEntity(entityOf(operation.row), { abortSignal });
    case 'put':
      return client.upsertEntity(entityOf(operation.row), 'Replace', { abortSignal });
    case 'replace': {
      const { row, etag } = operation;
      return client.updateEntity(entityOf(row), 'Replace', { etag, abortSignal });
    }
    case 'remove': {
      const { partition, key, etag } = operation;
      return client.deleteEntity(partition, key, { etag, abortSignal });
    }
  }
}

function actionOf(operation: Operation): TransactionAction {
  if (operation.kind === 'insert') return ['create', entityOf(operation.row)];
  if (operation.kind === 'put') return ['upsert', entityOf(operation.row), 'Replace'];
  if (operation.kind === 'replace')
    return ['update', entityOf(operation.row), 'Replace', { etag: operation.etag }];
  return [
    'delete',
    { partitionKey: operation.partition, rowKey: operation.key, etag: operation.etag },
  ];
}

/** Numbers travel as text of their own type: the service would otherwise tell apart integers that fit 32 bits. */
const entityOf = ({ partition, key, values }: Row): Entity =>
  ({
    partitionKey: partition,
    rowKey: key,
    ...Object.fromEntries(Object.entries(values).map(([column, value]) => [column, typed(value)])),
  }) as Entity;

const typed = (value: Value): unknown =>
  typeof value === 'number' ? { type: 'Int64', value: String(value) } : value;

function rowOf(entity: TableEntityResult<Entity>): StoredRow {
  const {
    partitionKey,
    rowKey,
    etag,
    timestamp: _,
    ...columns
  } = entity as TableEntityResult<Entity> & Record<string, unknown>;
  const values = Object.entries(columns)
    .filter(([column]) => !column.startsWith('odata'))
    .map(([column, value]): [string, Value] => [
      column,
      typeof value === 'bigint' ? Number(value) : (value as Value),
    ]);
  return {
    partition: String(partitionKey),
    key: String(rowKey),
    etag,
    values: Object.fromEntries(values),
  };
}

function filterOf(query: Query): string {
  const { partition, keyAfter, keyBelow, partitionAfter, partitionBelow, below } = query;
  const parts = [
    ...(partition === undefined ? [] : [odata`PartitionKey eq ${partition}`]),
    ...(keyAfter === undefined ? [] : [odata`RowKey gt ${keyAfter}`]),
    ...(keyBelow === undefined ? [] : [odata`RowKey lt ${keyBelow}`]),
    ...(partitionAfter === undefined ? [] : [odata`PartitionKey gt ${partitionAfter}`]),
    ...(partitionBelow === undefined ? [] : [odata`PartitionKey lt ${partitionBelow}`]),
    ...(below === undefined ? [] : [`${below.column} lt ${below.value}L`]),
  ];
  return parts.join(' and ');
}

/** The service's own name of an error. */
function codeOf(error: unknown): string | undefined {
  const { details } = error as { details?: { odataError?: { code?: string }; code?: string } };
  return details?.odataError?.code ?? details?.code ?? (error as { code?: string }).code;
}

/** A row that exists, one that is gone, or one that has another ETag. */
const CONFLICTS: readonly (string | undefined)[] = [
  'EntityAlreadyExists',
  'UpdateConditionNotSatisfied',
  'ConditionNotMet',
  'ResourceNotFound',
  'EntityNotFound',
];

const isConflict = (error: unknown): boolean =>
  error instanceof RestError && CONFLICTS.includes(codeOf(error));

const asRefusal = (error: unknown) =>
  error instanceof Refusal
    ? error
    : unavailable('table storage can not be asked now', retryAfterOf(error), error);
