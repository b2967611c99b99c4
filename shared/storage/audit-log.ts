/**
 * The `audit` table: every change by an operator. A row is there before the change is made, and says afterwards what became
 * of it, so nothing is changed that leaves no trace. A row's key is the request's id, which sorts by time.
 */
import { type AuditPage, type AuditRecord, auditRecord } from '../protocol/audit-record.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { timeOfRequestId } from '../request-id.ts';
import { dayOf, isWithin, readPage } from './log-pages.ts';
import type { Row, StoredRow, Table } from './table.ts';
import { removeRows } from './transactions.ts';

/** What is told of a change beside when it was. */
export type AuditFacts = Omit<AuditRecord, 'request_id' | 'time'>;

export interface AuditLog {
  /** Writes what was done, or is about to be done, in the place of what the request told before. Throws `unavailable`. */
  write(id: string, facts: AuditFacts): Promise<void>;
  find(id: string): Promise<AuditRecord | undefined>;
  /** One page of a time: what at most 1,000 rows say, in two questions to storage. */
  list(query: AuditListQuery): Promise<AuditPage>;
  /** Removes what is older than the retention. Gives how many rows. */
  sweep(at: Date): Promise<number>;
}

export interface AuditListQuery {
  readonly since: Date;
  readonly until: Date;
  /** `next` of the page before. */
  readonly after: string | undefined;
}

/** A year, and a month in which somebody asks about it. */
export const AUDIT_DAYS = 400;

const MOST_SWEPT = 1000;

export function createAuditLog(table: Table): AuditLog {
  return {
    async write(id, facts) {
      const record = { request_id: id, time: formatTimestamp(timeOfRequestId(id)), ...facts };
      const row: Row = {
        partition: partitionOf(id),
        key: id,
        values: { json: JSON.stringify(record) },
      };
      await table.apply([{ kind: 'put', row }]);
    },
    async find(id) {
      const row = await table.read(partitionOf(id), id);
      return row && recordOf(row);
    },
    async list({ since, until, after }) {
      const { rows, next } = await readPage(table, {
        after: after === undefined ? undefined : { partition: partitionOf(after), key: after },
        partitionAfter: justBefore(since),
        partitionBelow: `${dayOf(until)}~`,
      });
      const items = rows
        .filter((row) => isWithin(row, { since, until }))
        .map(recordOf)
        .filter((record) => record !== undefined);
      return { items, ...(next !== undefined && { next }) };
    },
    async sweep(at) {
      const oldest = new Date(at.getTime() - AUDIT_DAYS * 24 * 3600 * 1000);
      const over = await table.list({ partitionBelow: dayOf(oldest), most: MOST_SWEPT });
      await removeRows(table, over);
      return over.length;
    },
  };
}

/** Operators make few changes: a day is one partition. */
const partitionOf = (id: string): string => dayOf(timeOfRequestId(id));

/** A text that sorts after all days before, and before the day itself. */
const justBefore = (time: Date): string => dayOf(new Date(time.getTime() - 24 * 3600 * 1000));

function recordOf({ values }: StoredRow): AuditRecord | undefined {
  const parsed = parseJsonWith(auditRecord, String(values['json']));
  return parsed.ok ? parsed.value : undefined;
}
