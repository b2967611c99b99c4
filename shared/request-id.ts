/** Request ids: UUIDs of version 7 (RFC 9562), so that they sort by time and a join is found from its id alone. */
import { randomUUID } from 'node:crypto';

/** When it was made. */
export const timeOfRequestId = (id: string): Date =>
  new Date(Number.parseInt(id.slice(0, 13).replace('-', ''), 16));

/** The last digit of all ids that this process makes: what it writes at once then goes to one partition of the join log. */
const LAST_DIGIT = randomUUID().slice(-1);

/** The time, and the random end of a UUID of version 4, whose variant is the same: Node.js makes those in batches. */
export function makeRequestId(at: Date): string {
  const time = at.getTime().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15, -1)}${LAST_DIGIT}`;
}

/** A text that sorts before all ids of this time and later ones, and after all earlier ones. */
export function firstRequestId(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
