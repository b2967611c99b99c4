/** The latest heartbeat of each instance, in rows of the `instances` table: swept with the others. */
import type { HeartbeatRecord } from '../protocol/heartbeat.ts';
import type { Table } from './table.ts';

export interface Heartbeats {
  /** In place of the one before. `goneAfter`: Unix seconds. */
  put(owner: string, id: string, record: HeartbeatRecord, goneAfter: number): Promise<void>;
  read(owner: string, id: string): Promise<HeartbeatRecord | undefined>;
}

export function createHeartbeats(table: Table): Heartbeats {
  return {
    async put(owner, id, record, goneAfter) {
      const values = { record: JSON.stringify(record), goneAfter };
      await table.apply([
        { kind: 'put', row: { partition: partitionOf(owner, id), key: id, values } },
      ]);
    },
    async read(owner, id) {
      const row = await table.read(partitionOf(owner, id), id);
      return row && (JSON.parse(String(row.values['record'])) as HeartbeatRecord);
    },
  };
}

/** Beside the instances, which no list of an owner's instances then meets. */
const partitionOf = (owner: string, id: string): string => `heartbeat:${owner}:${id.slice(0, 1)}`;
