/** The secret of a join token: made by the broker alone, shown once, kept as its SHA-256. */
import { createHash, randomBytes } from 'node:crypto';
import { badInput } from '../refusal.ts';
import type { JoinToken } from '../resources/join-token.ts';
import type { AnyResource } from '../resources/resource.ts';

const SECRET_BYTES = 16;

/** A join token as it is stored, and its secret as it is shown, where its method has one. */
export interface WithSecret {
  readonly resource: AnyResource;
  readonly secret?: string;
}

/** Makes the secret of a new join token. An operator who brings one is refused: it could be guessed, or be known already. */
export function withNewSecret(resource: AnyResource): WithSecret {
  if (resource.kind !== 'token' || resource.spec.join_method !== 'token') return { resource };
  if (resource.spec.secret_sha256 !== undefined) {
    throw badInput({
      field: 'spec.secret_sha256',
      message: 'expected none: the broker makes the secret when it creates the join token',
    });
  }
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  const secret_sha256 = createHash('sha256').update(secret).digest('hex');
  return { resource: { ...resource, spec: { ...resource.spec, secret_sha256 } }, secret };
}

/** A join token that says nothing of its secret keeps the one that it has. */
export function withOldSecret(before: JoinToken, after: JoinToken): JoinToken {
  if (before.spec.join_method !== 'token' || after.spec.join_method !== 'token') return after;
  const { secret_sha256 } = before.spec;
  if (after.spec.secret_sha256 !== undefined || secret_sha256 === undefined) return after;
  return { ...after, spec: { ...after.spec, secret_sha256 } };
}
