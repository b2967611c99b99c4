/** Request ids: UUIDs of version 7 (RFC 9562), so that they sort by time and a join is found from its id alone. */
import { randomUUID } from 'node:crypto';

/** When it was made. */
export const timeOfRequestId = (id: string): Date =>
  new Date(Number.parseInt(id.slice(0, 13).replace('-', ''), 16));

/** The time, and the random end of a UUID of version 4, whose variant is the same: Node.js makes those in batches. */
export function makeRequestId(at: Date): string {
  const time = at.getTime().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
