/** Which certificates have to be revoked: a pure function of what instances have out and of what is locked. */
import type { LockSubject } from '../resources/lock.ts';
import type { CertifiedInstance } from '../storage/instances.ts';
import type { RevocationReason, RevokedInstance } from '../storage/revoked.ts';

/** What certificates are revoked for. */
export interface RevocationTarget {
  readonly kind: keyof LockSubject | 'incarnation';
  readonly value: string;
  readonly reason: RevocationReason;
  /** The lock's name, or the id of a machine that is gone. */
  readonly by: string;
}

/** What an instance could be named by, as a join of it would be checked. */
export type SubjectOf = (
  instance: CertifiedInstance,
) => Partial<LockSubject> & { readonly incarnation?: string };

/**
 * Instances with certificates that are not revoked yet although a target is on them.
 */
export function dueRevocations(
  instances: readonly CertifiedInstance[],
  targets: readonly RevocationTarget[],
  subjectOf: SubjectOf,
  revoked: readonly RevokedInstance[],
  at: Date,
): RevokedInstance[] {
  const now = Math.floor(at.getTime() / 1000);
  const byValue = new Map(targets.map((target) => [idOf(target.kind, target.value), target]));
  const done = new Map(
    revoked.map(({ id, serials }) => [id, new Set(serials.map(({ serial }) => serial))]),
  );
  return instances.flatMap((instance) => {
    const target = Object.entries(subjectOf(instance))
      .map(([kind, value]) => byValue.get(idOf(kind, value)))
      .find((found) => found !== undefined);
    if (!target) return [];
    const known = done.get(instance.id);
    const serials = instance.serials.filter(
      ({ serial, expires }) => expires > now && !known?.has(serial),
    );
    if (serials.length === 0) return [];
    const { owner, id } = instance;
    return [{ owner, id, reason: target.reason, by: target.by, since: now, serials }];
  });
}

const idOf = (kind: string, value: string | undefined): string => `${kind} ${value}`;
