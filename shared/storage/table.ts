/**
 * What the broker needs of Azure Table Storage: single rows, guarded by ETags, and small transactions within one
 * partition. Every method throws `unavailable` where storage can't be asked.
 */

/** Text and numbers are all that is stored. */
export type Value = string | number;

export interface Row {
  readonly partition: string;
  readonly key: string;
  readonly values: Readonly<Record<string, Value>>;
}

export interface StoredRow extends Row {
  readonly etag: string;
}

export type Operation =
  | { readonly kind: 'insert'; readonly row: Row }
  /** Replaces the row with this ETag. */
  | { readonly kind: 'replace'; readonly row: Row; readonly etag: string }
  /** Inserts or replaces, whatever is there. */
  | { readonly kind: 'put'; readonly row: Row }
  | {
      readonly kind: 'remove';
      readonly partition: string;
      readonly key: string;
      readonly etag: string;
    };

export interface Query {
  readonly partition?: string;
  /** Only rows whose key sorts after this text. */
  readonly keyAfter?: string;
  /** Only rows whose key sorts before this text. */
  readonly keyBelow?: string;
  /** Only rows of partitions that sort after this text. */
  readonly partitionAfter?: string;
  /** Only rows of partitions that sort before this text. */
  readonly partitionBelow?: string;
  /** Only rows whose number in this column is below the value. */
  readonly below?: { readonly column: string; readonly value: number };
  /** Only these columns; without it all. */
  readonly columns?: readonly string[];
  /** Stops after this many rows. */
  readonly most?: number;
}

export interface Table {
  read(partition: string, key: string): Promise<StoredRow | undefined>;
  list(query: Query): Promise<readonly StoredRow[]>;
  /**
   * Applies operations on one partition, all or none. `false`: a row to insert exists, or an ETag is not the row's any
   * more. After a lost answer that may be our own write (the SDK tries again): read back before believing it (rule 16).
   */
  apply(operations: readonly Operation[]): Promise<boolean>;
}

export type TableName =
  | 'resources'
  | 'instances'
  | 'names'
  | 'machines'
  | 'keys'
  | 'joins'
  | 'audit'
  | 'revoked';

export type Tables = Readonly<Record<TableName, Table>>;

/** The tables, each made from its name. */
export const eachTable = (make: (name: TableName) => Table): Tables => ({
  resources: make('resources'),
  instances: make('instances'),
  names: make('names'),
  machines: make('machines'),
  keys: make('keys'),
  joins: make('joins'),
  audit: make('audit'),
  revoked: make('revoked'),
});

/** As many operations as one transaction takes. */
export const MOST_IN_TRANSACTION = 100;

const MOST_TEXT = 32_768;
const MOST_VALUES = 250;
const MOST_ENTITY_BYTES = 1024 * 1024;

/** What the service would refuse of operations that are to be applied at once; `undefined` if nothing. */
export function operationsProblem(operations: readonly Operation[]): string | undefined {
  if (operations.length > MOST_IN_TRANSACTION)
    return `more than ${MOST_IN_TRANSACTION} operations at once`;
  const partitions = new Set(operations.map(partitionOf));
  if (partitions.size > 1) return 'operations on more than one partition';
  for (const operation of operations) {
    const problem = operation.kind === 'remove' ? undefined : rowSizeProblem(operation.row);
    if (problem) return `a row is too large: ${problem}`;
  }
  return undefined;
}

const partitionOf = (operation: Operation): string =>
  operation.kind === 'remove' ? operation.partition : operation.row.partition;

/** What is wrong with a row's size, by the limits of Table Storage (Azurite does not check them). */
export function rowSizeProblem({ partition, key, values }: Row): string | undefined {
  const columns = Object.entries(values);
  if (columns.length > MOST_VALUES) return `more than ${MOST_VALUES} columns`;
  const long = columns.find(([, value]) => typeof value === 'string' && value.length > MOST_TEXT);
  if (long) return `${long[0]} is longer than ${MOST_TEXT} characters`;
  const size = columns.reduce(
    (sum, [column, value]) =>
      sum + 8 + 2 * column.length + (typeof value === 'string' ? 2 * value.length + 4 : 8),
    4 + 2 * (partition.length + key.length),
  );
  return size > MOST_ENTITY_BYTES ? 'larger than 1 MiB' : undefined;
}
