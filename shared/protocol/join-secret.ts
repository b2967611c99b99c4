/** How the secret of a join token is named, and which instance its one first join makes: join method `token`. */
import { createHash } from 'node:crypto';
import { formatUuid } from '../encoding/uuid.ts';

/** How a request names a join token with a secret: `sha256:` and its hash. */
export const referenceOf = (secret: string): string =>
  `sha256:${createHash('sha256').update(secret).digest('hex')}`;

/** A UUID made from the secret's reference: the first join that inserts this row has used the secret up. */
export const instanceIdOfSecret = (reference: string): string =>
  formatUuid(
    createHash('sha256').update(`join-broker-secret\n${reference}`).digest().subarray(0, 16),
    8,
  );
