/**
 * What finds attempts by machine, bot or join token without reading those of others: rows beside the join log, by day. A
 * machine's and a token's say which attempts there are; a bot's, which are asked for most, are copies. The log itself, and
 * what is verified, is without them: who removes one hides an attempt from such a list only, and a copy counts with its seal
 * alone.
 */
import { createHash } from 'node:crypto';
import type { JoinFacts } from '../protocol/join-record.ts';
import { timeOfRequestId } from '../request-id.ts';
import { dayOf } from './log-pages.ts';
import type { Row } from './table.ts';

/** Before the partitions of the index. */
export const INDEX = 'index-';
/** Function instances write a day's rows to these many partitions, each to one of them. */
export const INDEX_PARTS = 4;
/** The days of which there is an index. */
export const INDEX_DAYS = 'index-days';

export type IndexedBy = 'machine' | 'bot' | 'token';

export const indexPartition = (day: string, part: number): string => `${INDEX}${day}-${part}`;

/** What the keys begin with of all rows that are about this machine, bot or join token. */
export function indexPrefix(by: IndexedBy, value: string): string {
  const text = by === 'machine' ? value.toLowerCase() : value;
  const hash = createHash('sha256').update(`${by} ${text}`).digest('hex');
  return `${by}-${hash.slice(0, 24)}-`;
}

/** The prefixes under which an attempt is found: by everything that names its machine, by its bot and by its join token. */
export function prefixesOf(facts: JoinFacts): readonly string[] {
  const { vm_id, claimed_vm_id, resource_id, instance_id, aws_arn, bot, join_token } = facts;
  const machine = [vm_id, claimed_vm_id, nameIn(resource_id), instance_id, aws_arn];
  const known = new Set(machine.filter((name) => name !== undefined && name !== ''));
  return [
    ...[...known].map((name) => indexPrefix('machine', String(name))),
    ...(bot === undefined ? [] : [indexPrefix('bot', bot)]),
    ...(join_token === undefined ? [] : [indexPrefix('token', join_token)]),
  ];
}

/** A machine's own name: what stands last in its resource id. */
export const nameIn = (resourceId: string | undefined): string | undefined =>
  resourceId?.split('/').at(-1);

/** The rows of one attempt, which is written and sealed. */
export const indexRowsOf = (row: Row, prefixes: readonly string[], part: number): readonly Row[] =>
  prefixes.map((prefix) => ({
    partition: indexPartition(dayOf(timeOfRequestId(row.key)), part),
    key: prefix + row.key,
    values: prefix.startsWith('bot-') ? row.values : {},
  }));

/** Says that there is an index of a day. */
export const indexDayRow = (day: string): Row => ({
  partition: INDEX_DAYS,
  key: day,
  values: {},
});
