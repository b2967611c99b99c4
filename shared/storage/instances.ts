/** The `instances` table: one row for each joined machine's life as a bot or host. The row of a join is its replay guard. */
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
import type { SystemRole } from '../protocol/join.ts';
import { type LiveSerial, packSerials, unpackSerials } from './packed-serials.ts';
import type { Row, StoredRow, Table } from './table.ts';

/** A certificate that was issued, so that the very same request can be answered again. */
export interface IssuedCertificate {
  readonly name: string;
  /** 32 hex digits. The SSH serial is its first half. */
  readonly serial: string;
  /** Unix seconds. */
  readonly issued: number;
  readonly expires: number;
}

/** What was proved of the machine. Which facts there are is for the join method to say. */
export interface KeptFacts {
  readonly method: string;
  readonly [fact: string]: string | number | undefined;
}

/** A request that made a generation of this instance: it counts once, and may be answered again until it expires. */
export interface AnsweredRequest {
  /** Hex SHA-256 of the proof message. */
  readonly digest: string;
  readonly generation: number;
  readonly certificates: readonly IssuedCertificate[];
  readonly expires: number;
}

/** A generation that was replaced while certificates of it live: whoever still uses its key may have copied it. */
export interface ReplacedGeneration {
  readonly generation: number;
  /** Hex SHA-256 of its key's SubjectPublicKeyInfo. */
  readonly key: string;
  /** Digest of the request that replaced it, and when. */
  readonly by: string;
  readonly at: number;
  /** The end of its last certificate. */
  readonly expires: number;
}

export interface Instance {
  readonly id: string;
  /** Whose instance it is: `bot:<name>`, or `host:<system role>`. */
  readonly owner: string;
  readonly role: SystemRole;
  readonly joinToken: string;
  /** Digest of the request of the first join: hex. */
  readonly madeBy: string;
  readonly generation: number;
  /** DER of the instance key's SubjectPublicKeyInfo; good until this time. */
  readonly instanceKey: Uint8Array;
  readonly instanceKeyExpires: number;
  readonly machine: KeptFacts;
  /** The names of a host. */
  readonly names: readonly string[];
  /** Unexpired serials of every generation, in the order of their ends; at most 1,200. */
  readonly serials: readonly LiveSerial[];
  readonly answered: readonly AnsweredRequest[];
  /** Newest last. */
  readonly replaced: readonly ReplacedGeneration[];
  /** Unix seconds: the first join, the latest one, and when the row may go. */
  readonly joined: number;
  readonly seen: number;
  readonly goneAfter: number;
}

/** What an instance has out, and what it could be locked as. */
export type CertifiedInstance = Pick<
  Instance,
  'id' | 'owner' | 'joinToken' | 'machine' | 'serials'
>;

export interface StoredInstance {
  readonly instance: Instance;
  readonly etag: string;
}

/** What is left of an instance that was removed by hand: its request still counts as used. */
export interface Tombstone {
  readonly removed: true;
  readonly madeBy: string;
}

export interface Instances {
  read(owner: string, id: string): Promise<StoredInstance | Tombstone | undefined>;
  /** `false` if the row exists. */
  insert(instance: Instance): Promise<boolean>;
  /** `false` if the row has changed since. */
  replace(instance: Instance, etag: string): Promise<boolean>;
  /**
   * Leaves a tombstone for as long as the row would have lived. `false` if the row has changed since. What is removed
   * already counts: the answer to our own try may have been lost.
   */
  remove(instance: Instance, etag: string): Promise<boolean>;
  /** Instances of an owner in the order of their ids, after this one, at most `most`. */
  list(owner: string, after: string | undefined, most: number): Promise<readonly StoredInstance[]>;
  /** Every instance, in few words: there may be a hundred thousand. */
  listCertified(): Promise<readonly CertifiedInstance[]>;
  /** Removes rows whose time has come. Gives how many. */
  sweep(at: Date): Promise<number>;
}

/** What one sweep does: small pages, so that it gets on even in a large table; the next one goes on. */
const SWEEP_PAGE = 100;
const MOST_SWEEP_PAGES = 100;

export function createInstances(table: Table): Instances {
  return {
    async read(owner, id) {
      const row = await table.read(partitionOf(owner, id), id);
      if (row && isTombstone(row)) return { removed: true, madeBy: String(row.values['madeBy']) };
      return row && { instance: instanceOf(row), etag: row.etag };
    },
    insert: (instance) => table.apply([{ kind: 'insert', row: rowOf(instance) }]),
    replace: (instance, etag) => table.apply([{ kind: 'replace', row: rowOf(instance), etag }]),
    async remove({ owner, id, madeBy, goneAfter }, etag) {
      const partition = partitionOf(owner, id);
      const row = { partition, key: id, values: { removed: 1, madeBy, goneAfter } };
      if (await table.apply([{ kind: 'replace', row, etag }])) return true;
      // A refusal may be of our own removal, tried again by the SDK (rule 16).
      const stored = await table.read(partition, id);
      return stored === undefined || isTombstone(stored);
    },
    async list(owner, after = '', most) {
      const digits = DIGITS.filter((digit) => digit >= after.slice(0, 1));
      const partitions = await Promise.all(
        digits.map((digit) =>
          table.list({
            partition: partitionOf(owner, digit),
            ...(after !== '' && { keyAfter: after }),
            below: { column: 'removed', value: 1 },
            most,
          }),
        ),
      );
      return partitions
        .flat()
        .slice(0, most)
        .map((row) => ({ instance: instanceOf(row), etag: row.etag }));
    },
    async listCertified() {
      const rows = await table.list({
        below: { column: 'removed', value: 1 },
        columns: ['owner', 'joinToken', 'machine', 'serials'],
      });
      return rows.map(certifiedOf);
    },
    async sweep(at) {
      const below = { column: 'goneAfter', value: Math.floor(at.getTime() / 1000) };
      let removed = 0;
      for (let page = 0; page < MOST_SWEEP_PAGES; page += 1) {
        const over = await table.list({ below, most: SWEEP_PAGE });
        for (const { partition, key, etag } of over) {
          if (await table.apply([{ kind: 'remove', partition, key, etag }])) removed += 1;
        }
        if (over.length < SWEEP_PAGE) break;
      }
      return removed;
    },
  };
}

const isTombstone = ({ values }: StoredRow): boolean => values['removed'] === 1;

const DIGITS = [...'0123456789abcdef'];

/** Owner and the id's first digit: sixteen partitions share a busy bot's load. */
const partitionOf = (owner: string, id: string): string => `${owner}:${id.slice(0, 1)}`;

function rowOf({ id, instanceKey, ...rest }: Instance): Row {
  const { machine, names, serials, answered, replaced, ...plain } = rest;
  return {
    partition: partitionOf(rest.owner, id),
    key: id,
    values: {
      ...plain,
      removed: 0,
      instanceKey: encodeBase64(instanceKey),
      machine: JSON.stringify(machine),
      names: JSON.stringify(names),
      serials: packSerials(serials),
      answered: JSON.stringify(answered),
      replaced: JSON.stringify(replaced),
    },
  };
}

function certifiedOf({ key, values }: StoredRow): CertifiedInstance {
  const text = (column: string): string => String(values[column] ?? '');
  return {
    id: key,
    owner: text('owner'),
    joinToken: text('joinToken'),
    machine: JSON.parse(text('machine')) as KeptFacts,
    serials: unpackSerials(text('serials')),
  };
}

function instanceOf(row: StoredRow): Instance {
  const { values } = row;
  const text = (column: string): string => String(values[column] ?? '');
  const number = (column: string): number => Number(values[column]);
  return {
    ...certifiedOf(row),
    role: text('role') as SystemRole,
    madeBy: text('madeBy'),
    generation: number('generation'),
    instanceKey: decodeBase64(text('instanceKey')) ?? new Uint8Array(),
    instanceKeyExpires: number('instanceKeyExpires'),
    names: JSON.parse(text('names')) as Instance['names'],
    answered: JSON.parse(text('answered')) as Instance['answered'],
    replaced: JSON.parse(text('replaced')) as Instance['replaced'],
    joined: number('joined'),
    seen: number('seen'),
    goneAfter: number('goneAfter'),
  };
}
