/**
 * Seals of the join log: each row is authenticated together with its place and the row that the same function instance
 * wrote before it. Who can write to the table, and has no key, can change or remove no row without its showing.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import * as z from 'zod/mini';
import { parseJsonWith } from '../protocol/schema.ts';
import { parseTimestamp, timestamp } from '../protocol/values.ts';
import { timeOfRequestId } from '../request-id.ts';
import { ANCHORS, partitionOf, WRITERS } from './join-log-places.ts';
import type { Row, StoredRow } from './table.ts';

export interface LogKey {
  /** Names the key, so that a row of another one is told from a row that was changed. */
  readonly id: string;
  readonly secret: KeyObject;
  /** Those before it: rows that they sealed are believed where they are of before each one's end. */
  readonly former?: readonly FormerLogKey[];
}

export interface FormerLogKey {
  readonly id: string;
  readonly secret: KeyObject;
  readonly until: Date;
}

/** A sealed row: where it is, and its authenticator in hex. */
export interface Sealed {
  readonly partition: string;
  readonly key: string;
  readonly mac: string;
}

export type SealCheck =
  | { readonly ok: true; readonly sealed: Sealed; readonly previous: Sealed | undefined }
  /** `other key`: sealed under a data key that was given up, or after it had a successor, as far as its seal can be believed. */
  | { readonly ok: false; readonly why: 'no seal' | 'other key' | 'wrong seal' };

const CONTEXT = 'join-broker join log 1';

const place = z.tuple([z.string(), z.string(), z.string()]);
const sealText = z.tuple([z.string(), z.string(), z.nullable(place)]);

/** The row with its seal. `previous` is the row before it of the same writer. */
export function seal(
  row: Row,
  previous: Sealed | undefined,
  key: LogKey,
): { readonly row: Row; readonly sealed: Sealed } {
  const mac = macOf(row, previous, key);
  const before = previous ? [previous.partition, previous.key, previous.mac] : null;
  return {
    row: { ...row, values: { ...row.values, seal: JSON.stringify([key.id, mac, before]) } },
    sealed: { partition: row.partition, key: row.key, mac },
  };
}

/** Whether a row is as it was written. Where it is a copy, `partition` is that of the row that it was made of. */
export function checkSeal(row: StoredRow, key: LogKey, partition = row.partition): SealCheck {
  const parsed = parseJsonWith(sealText, String(row.values['seal'] ?? ''));
  if (!parsed.ok) return { ok: false, why: 'no seal' };
  const [id, mac, before] = parsed.value;
  const used = id === key.id ? key : formerKey({ ...row, partition }, id, key);
  if (!used) return { ok: false, why: 'other key' };
  const previous = before ? { partition: before[0], key: before[1], mac: before[2] } : undefined;
  const expected = macOf({ ...row, partition }, previous, used);
  return isSame(mac, expected)
    ? { ok: true, sealed: { partition, key: row.key, mac }, previous }
    : { ok: false, why: 'wrong seal' };
}

const told = z.object({ time: timestamp });

/** The key before this one that may have sealed the row. */
function formerKey(row: Row, id: string, { former = [] }: LogKey): FormerLogKey | undefined {
  const key = former.find((one) => one.id === id);
  const time = timeOf(row);
  return key && time && time < key.until ? key : undefined;
}

/** An attempt is of the time of its place, whatever else stands in it: whoever has an old key writes what he likes. */
function timeOf({ partition, key, values }: Row): Date | undefined {
  if (partition !== WRITERS && partition !== ANCHORS)
    return partition === partitionOf(key) ? timeOfRequestId(key) : undefined;
  const parsed = parseJsonWith(told, String(values['json']));
  return parsed.ok ? parseTimestamp(parsed.value.time) : undefined;
}

function macOf(
  { partition, key, values }: Row,
  previous: Sealed | undefined,
  { secret }: LogKey,
): string {
  const before = previous ? [previous.partition, previous.key, previous.mac] : null;
  const text = JSON.stringify([CONTEXT, partition, key, String(values['json']), before]);
  return createHmac('sha256', secret).update(text).digest('hex');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
