/** Where the rows of the join log are: everything that finds one is in its request id. */
import { requestId } from '../protocol/join-record.ts';
import { parseWith } from '../protocol/schema.ts';
import { timeOfRequestId } from '../request-id.ts';
import { dayOf } from './log-pages.ts';
import type { Row } from './table.ts';

export const JOIN_LOG_DAYS = 30;

/** What is older is swept. */
export const keptSince = (at: Date): Date =>
  new Date(at.getTime() - JOIN_LOG_DAYS * 24 * 3600 * 1000);

/** Whether a text is a request id. */
export const isRequestId = (text: string): boolean => parseWith(requestId, text).ok;

/** Before the partition of a row that is written once more, so that those who look for refusals read no others. */
export const REFUSED = 'refused-';

/** Where each writer names its last row, and where anchors are: their names are no request ids. */
export const WRITERS = 'writers';
export const ANCHORS = 'anchors';

/** A minute, and a digit that spreads a busy one over sixteen partitions. */
export const partitionOf = (id: string): string =>
  `${minuteOf(timeOfRequestId(id))}-${id.slice(-1)}`;

/** Refusals are few, so a minute of them is one partition. */
export const refusalsOf = (id: string): string => REFUSED + minuteOf(timeOfRequestId(id));

/** Whether an attempt is listed among the refusals, too. In a text of the record's, quotes would be escaped. */
export const isRefusal = ({ values }: Row): boolean =>
  !String(values['json']).includes('"outcome":"admitted"');

export const minuteOf = (time: Date): string =>
  `${dayOf(time)}T${time.toISOString().slice(11, 16).replace(':', '')}`;

/** A text that sorts before every partition of a minute, and after those of the minute before. */
export const justBefore = (minute: string): string =>
  `${minute.slice(0, -1)}${String.fromCharCode(minute.charCodeAt(minute.length - 1) - 1)}~`;
