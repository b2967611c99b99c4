/** The `instances` table: one row for each joined machine's life as a bot. The row of a join is its replay guard. */
import type { VerifiedFacts } from '../attestation/azure/machine-binding.ts';
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
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

/** Machine facts as they were verified, and when: Unix seconds. */
export interface MachineRecord extends VerifiedFacts {
  readonly verified: number;
}

/** A challenge that made a generation of this instance: used up, except for the very same request. */
export interface UsedChallenge {
  readonly id: string;
  readonly requestDigest: string;
  readonly generation: number;
  readonly certificates: readonly IssuedCertificate[];
  readonly expires: number;
}

export interface Instance {
  readonly id: string;
  readonly bot: string;
  readonly joinToken: string;
  readonly generation: number;
  /** DER of the instance key's SubjectPublicKeyInfo; good until this time. */
  readonly instanceKey: Uint8Array;
  readonly instanceKeyExpires: number;
  readonly machine: MachineRecord;
  /** Unexpired serials of every generation, in the order of their ends; at most 400. */
  readonly serials: readonly { readonly serial: string; readonly expires: number }[];
  readonly usedChallenges: readonly UsedChallenge[];
  /** Unix seconds: the first join, the latest one, and when the row may go. */
  readonly joined: number;
  readonly seen: number;
  readonly goneAfter: number;
}

export interface StoredInstance {
  readonly instance: Instance;
  readonly etag: string;
}

export interface Instances {
  read(bot: string, id: string): Promise<StoredInstance | undefined>;
  /** `false` if the row exists. */
  insert(instance: Instance): Promise<boolean>;
  /** `false` if the row has changed since. */
  replace(instance: Instance, etag: string): Promise<boolean>;
  /** Removes rows whose time has come. Gives how many. */
  sweep(at: Date): Promise<number>;
}

/** What one sweep does: small pages, so that it gets on even in a large table; the next one goes on. */
const SWEEP_PAGE = 100;
const MOST_SWEEP_PAGES = 100;

export function createInstances(table: Table): Instances {
  return {
    async read(bot, id) {
      const row = await table.read(partitionOf(bot, id), id);
      return row && { instance: instanceOf(row), etag: row.etag };
    },
    insert: (instance) => table.apply([{ kind: 'insert', row: rowOf(instance) }]),
    replace: (instance, etag) => table.apply([{ kind: 'replace', row: rowOf(instance), etag }]),
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

/** Owner and the id's first digit: sixteen partitions share a busy bot's load. */
const partitionOf = (bot: string, id: string): string => `bot:${bot}:${id.slice(0, 1)}`;

function rowOf({ id, bot, instanceKey, ...rest }: Instance): Row {
  const { machine, serials, usedChallenges, ...plain } = rest;
  return {
    partition: partitionOf(bot, id),
    key: id,
    values: {
      ...plain,
      bot,
      instanceKey: encodeBase64(instanceKey),
      machine: JSON.stringify(machine),
      serials: JSON.stringify(serials),
      usedChallenges: JSON.stringify(usedChallenges),
    },
  };
}

function instanceOf({ key, values }: StoredRow): Instance {
  const text = (column: string): string => String(values[column] ?? '');
  const number = (column: string): number => Number(values[column]);
  return {
    id: key,
    bot: text('bot'),
    joinToken: text('joinToken'),
    generation: number('generation'),
    instanceKey: decodeBase64(text('instanceKey')) ?? new Uint8Array(),
    instanceKeyExpires: number('instanceKeyExpires'),
    machine: JSON.parse(text('machine')) as MachineRecord,
    serials: JSON.parse(text('serials')) as Instance['serials'],
    usedChallenges: JSON.parse(text('usedChallenges')) as Instance['usedChallenges'],
    joined: number('joined'),
    seen: number('seen'),
    goneAfter: number('goneAfter'),
  };
}
