/** Request ids: UUIDs of version 7 (RFC 9562), so that they sort by time and a join is found from its id alone. */
import { randomBytes } from 'node:crypto';
import { formatUuid } from './encoding/uuid.ts';

/** When it was made. */
export const timeOfRequestId = (id: string): Date =>
  new Date(Number.parseInt(id.slice(0, 13).replace('-', ''), 16));

export function makeRequestId(at: Date): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(at.getTime(), 0, 6);
  return formatUuid(bytes, 7);
}
