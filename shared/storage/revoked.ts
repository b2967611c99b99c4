/**
 * The `revoked` table: what the revocation lists say. One row for each instance with revoked certificates, which stays until
 * they are over, whatever becomes of the lock or of the instance; one for each machine that is gone, until its
 * instances were looked for; the root's own lists; and `head`, which says whether any of it has changed.
 */
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
import { unavailable } from '../refusal.ts';
import { type LiveSerial, MOST_SERIALS, packSerials, unpackSerials } from './packed-serials.ts';
import type { Operation, Row, StoredRow, Table } from './table.ts';
import { chunksOf, transactionsOf } from './transactions.ts';

/** Why certificates are revoked: a lock was on them, their instance was removed, or their machine was made anew. */
export type RevocationReason = 'lock' | 'removed' | 'gone';

/** The revoked certificates of one instance. */
export interface RevokedInstance {
  readonly owner: string;
  readonly id: string;
  readonly reason: RevocationReason;
  /** The lock's name, or the machine's id. Empty for one that was removed. */
  readonly by: string;
  /** Unix seconds: when the first of them was revoked. */
  readonly since: number;
  readonly serials: readonly LiveSerial[];
}

export interface StoredRevocation {
  readonly revoked: RevokedInstance;
  readonly etag: string;
}

export interface Head {
  /** Grows with every change: Unix seconds, or more. */
  readonly version: number;
  /** Of the locks that instances were last looked for, and when that revision was first seen: Unix seconds. */
  readonly locks: string;
  readonly seen: number;
  /** Whether instances were looked for often enough. */
  readonly settled: boolean;
  /** Until when somebody may be writing rows; 0 if nobody is. */
  readonly writing: number;
}

export interface RevokedRows {
  readonly instances: readonly StoredRevocation[];
  /** DER of the roots' lists, by the hex of their key identifiers. */
  readonly rootLists: ReadonlyMap<string, Uint8Array>;
  /** Machines that are gone. */
  readonly machines: readonly string[];
}

export interface Revocations {
  head(): Promise<Head>;
  /** Changes the head under its ETag, and gives it as it is then. */
  updateHead(change: (head: Head) => Head): Promise<Head>;
  read(): Promise<RevokedRows>;
  /**
   * Keeps certificates beside those that are kept already. Lists have them once this is done, or two minutes later if it
   * stops half-way.
   */
  keep(revoked: readonly RevokedInstance[], known: RevokedRows, at: Date): Promise<void>;
  /** The same for one instance of which nothing else is known. */
  keepOne(revoked: RevokedInstance, at: Date): Promise<void>;
  /** All that a machine has is to be looked for: it was made anew. */
  expectMachine(machine: string, at: Date): Promise<void>;
  forgetMachines(machines: readonly string[]): Promise<void>;
  writeRootList(root: string, der: Uint8Array, at: Date): Promise<void>;
  /** Removes rows whose certificates are over. Gives how many. */
  sweep(at: Date): Promise<number>;
}

const HEAD = 'head';
const ROOTS = 'roots';
const MACHINES = 'machines';
const PARALLEL = 8;
const MOST_RACES = 8;
const WRITING_SECONDS = 120;
/** Lists say what held at the full hour, and clocks differ. */
const KEPT_SECONDS = 2 * 3600;

const FIRST: Head = { version: 0, locks: '', seen: 0, settled: false, writing: 0 };

export function createRevocations(table: Table): Revocations {
  async function updateHead(change: (head: Head) => Head): Promise<Head> {
    for (let tries = 0; tries < MOST_RACES; tries += 1) {
      const stored = await table.read(HEAD, HEAD);
      const head = change(headOf(stored));
      const row = {
        partition: HEAD,
        key: HEAD,
        values: { ...head, settled: head.settled ? 1 : 0 },
      };
      const operation: Operation = stored
        ? { kind: 'replace', row, etag: stored.etag }
        : { kind: 'insert', row };
      if (await table.apply([operation])) return head;
    }
    throw unavailable('the revocation lists are being changed by many at once', 1);
  }

  /** Writes rows, told of before and after: whoever stops in between is noticed. */
  async function changing(at: Date, write: () => Promise<void>): Promise<void> {
    const writing = secondsOf(at) + WRITING_SECONDS;
    await updateHead((head) => ({ ...head, writing }));
    await write();
    await updateHead((head) => ({
      ...nextVersion(head, at),
      writing: head.writing === writing ? 0 : head.writing,
    }));
  }

  async function keepRow(revoked: RevokedInstance, known?: StoredRevocation): Promise<void> {
    let stored = known;
    for (let tries = 0; tries < MOST_RACES; tries += 1) {
      if (await table.apply([keeping(revoked, stored)])) return;
      const row = await table.read(partitionOf(revoked), revoked.id);
      stored = row && { revoked: revokedOf(row), etag: row.etag };
    }
    throw unavailable('an instance is being revoked by many at once', 1);
  }

  return {
    head: async () => headOf(await table.read(HEAD, HEAD)),
    updateHead,
    async read() {
      const rows = await table.list({});
      const of = (partition: string) => rows.filter((row) => row.partition === partition);
      return {
        instances: rows
          .filter(({ partition }) => partition.includes(':'))
          .map((row) => ({ revoked: revokedOf(row), etag: row.etag })),
        rootLists: new Map(
          of(ROOTS).map(({ key, values }) => [key, decodeBase64(String(values['der'])) ?? NOTHING]),
        ),
        machines: of(MACHINES).map(({ key }) => key),
      };
    },
    async keep(revoked, known, at) {
      if (revoked.length === 0) return;
      const stored = new Map(known.instances.map((one) => [one.revoked.id, one]));
      const batches = transactionsOf(revoked, partitionOf);
      await changing(at, async () => {
        for (const some of chunksOf(batches, PARALLEL))
          await Promise.all(
            some.map(async (batch) => {
              const operations = batch.map((one) => keeping(one, stored.get(one.id)));
              if (await table.apply(operations)) return;
              // Somebody else keeps one of them at the same time.
              for (const one of batch) await keepRow(one, stored.get(one.id));
            }),
          );
      });
    },
    async keepOne(revoked, at) {
      const row = await table.read(partitionOf(revoked), revoked.id);
      const stored = row && { revoked: revokedOf(row), etag: row.etag };
      // Who does again what he is refused for makes no new list.
      if (stored && saysAll(stored.revoked, revoked)) return;
      await changing(at, () => keepRow(revoked, stored));
    },
    async expectMachine(machine, at) {
      const values = { since: secondsOf(at) };
      await table.apply([{ kind: 'put', row: { partition: MACHINES, key: machine, values } }]);
      await updateHead((head) => ({
        ...head,
        seen: Math.max(head.seen, secondsOf(at)),
        settled: false,
      }));
    },
    async forgetMachines(machines) {
      for (const key of machines)
        await table.apply([{ kind: 'remove', partition: MACHINES, key, etag: '*' }]);
    },
    async writeRootList(root, der, at) {
      const row = { partition: ROOTS, key: root, values: { der: encodeBase64(der) } };
      await changing(at, async () => {
        await table.apply([{ kind: 'put', row }]);
      });
    },
    async sweep(at) {
      const below = { column: 'goneAfter', value: secondsOf(at) };
      const over = await table.list({ below });
      let removed = 0;
      for (const { partition, key, etag } of over)
        if (await table.apply([{ kind: 'remove', partition, key, etag }])) removed += 1;
      return removed;
    },
  };
}

const NOTHING = new Uint8Array();

const secondsOf = (at: Date): number => Math.floor(at.getTime() / 1000);

/** Greater than before, whatever the clocks say. */
export const nextVersion = (head: Head, at: Date): Head => ({
  ...head,
  version: Math.max(head.version, secondsOf(at)) + 1,
});

/** The same partitions as those of `instances`: sixteen share a busy owner's load. */
const partitionOf = ({ owner, id }: Pick<RevokedInstance, 'owner' | 'id'>): string =>
  `${owner}:${id.slice(0, 1)}`;

function keeping(revoked: RevokedInstance, stored: StoredRevocation | undefined): Operation {
  const row = rowOf(stored ? together(stored.revoked, revoked) : revoked);
  return stored ? { kind: 'replace', row, etag: stored.etag } : { kind: 'insert', row };
}

/** Whether nothing new is said of an instance. */
const saysAll = (known: RevokedInstance, { reason, serials }: RevokedInstance): boolean =>
  (known.reason === reason || reason === 'lock') &&
  serials.every(({ serial }) => known.serials.some((one) => one.serial === serial));

/** What was revoked stays revoked. An instance that can never come back is told so, whatever was first. */
function together(before: RevokedInstance, more: RevokedInstance): RevokedInstance {
  const serials = new Map([...before.serials, ...more.serials].map((one) => [one.serial, one]));
  // Those that live are never too many for a row: what is cut off is over.
  const live = [...serials.values()]
    .filter(({ expires }) => expires > more.since - KEPT_SECONDS)
    .toSorted((a, b) => a.expires - b.expires)
    .slice(-MOST_SERIALS);
  const last = before.reason === 'lock' ? more : before;
  return { ...last, since: before.since, serials: live };
}

const rowOf = (revoked: RevokedInstance): Row => ({
  partition: partitionOf(revoked),
  key: revoked.id,
  values: {
    owner: revoked.owner,
    reason: revoked.reason,
    by: revoked.by,
    since: revoked.since,
    serials: packSerials(revoked.serials),
    goneAfter: Math.max(0, ...revoked.serials.map(({ expires }) => expires)) + KEPT_SECONDS,
  },
});

/** Stands for what is no serial number with its end: the row was written by somebody else. */
const UNREADABLE: LiveSerial = { serial: '', expires: 0 };

function serialsOf(text: string): readonly LiveSerial[] {
  try {
    return unpackSerials(text).map((one) =>
      typeof one?.serial === 'string' && Number.isSafeInteger(one.expires) ? one : UNREADABLE,
    );
  } catch (error) {
    if (error instanceof SyntaxError) return [UNREADABLE];
    throw error;
  }
}

const revokedOf = ({ key, values }: StoredRow): RevokedInstance => ({
  owner: String(values['owner']),
  id: key,
  reason: String(values['reason']) as RevocationReason,
  by: String(values['by']),
  since: Number(values['since']),
  serials: serialsOf(String(values['serials'])),
});

function headOf(row: StoredRow | undefined): Head {
  if (!row) return FIRST;
  const { values } = row;
  return {
    version: Number(values['version']),
    locks: String(values['locks']),
    seen: Number(values['seen']),
    settled: values['settled'] === 1,
    writing: Number(values['writing']),
  };
}
