/** What `joinctl` knows of join tokens with a secret: the broker makes it, shows it once, and keeps its SHA-256. */
import type { Resource } from '../shared/protocol/resource.ts';
import { field } from './resource-fields.ts';

/** A join token that was made, and its secret, which nobody can be shown again. */
export interface NewSecret {
  readonly token: Resource;
  readonly secret: string;
}

/** Whether this is a join token that is created with a secret: join method `token`. */
export const hasSecret = ({ kind, spec }: Resource): boolean =>
  kind === 'token' && field(spec, 'join_method') === 'token';

/** How joiners name a join token by its secret; `undefined` for one without. */
export function secretReference(token: Resource): string | undefined {
  const hash = field(token.spec, 'secret_sha256');
  return hasSecret(token) && typeof hash === 'string' ? `sha256:${hash}` : undefined;
}

/** What is stored if `wanted` takes the place of `stored`: a join token that says nothing of its secret keeps it. */
export function keepingSecret(wanted: Resource, stored: Resource | undefined): Resource {
  const hash = field(stored?.spec, 'secret_sha256');
  return hasSecret(wanted) &&
    hash !== undefined &&
    field(wanted.spec, 'secret_sha256') === undefined
    ? { ...wanted, spec: { ...wanted.spec, secret_sha256: hash } }
    : wanted;
}
