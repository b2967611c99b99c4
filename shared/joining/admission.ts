/** Who may join as what: decisions of a join over the broker's own resources. Each throws a `Refusal`. */
import type { JoinRequest } from '../protocol/join.ts';
import { denied } from '../refusal.ts';
import { isExpired } from '../resources/expiry.ts';
import type { JoinToken } from '../resources/join-token.ts';
import { type LockSubject, lockOn } from '../resources/lock.ts';
import type { Snapshot } from '../storage/resources.ts';

/**
 * The join token, if it is for this method and role. `limits` says what its end limits: every join, or the first one only.
 */
export function findJoinToken(
  request: Pick<JoinRequest, 'token' | 'join_method' | 'role' | 'instance'>,
  snapshot: Snapshot,
  at: Date,
  limits: 'every join' | 'first join',
): JoinToken {
  const joinToken = snapshot.joinToken(request.token);
  if (!joinToken) throw denied('join_token_not_found', `there is no join token ${request.token}`);
  const { name, expires } = joinToken.metadata;
  const { bot_name: bot } = joinToken.spec;
  const about = { join_token: name, ...(bot !== undefined && { bot }) };
  const limited = limits === 'every join' || request.instance === undefined;
  if (limited && isExpired(joinToken, at))
    throw denied('join_token_expired', `join token ${name} expired at ${expires}`, about);
  const { join_method, roles } = joinToken.spec;
  if (join_method !== request.join_method) {
    throw denied(
      'join_method_mismatch',
      `join token ${name} is for join method ${join_method}`,
      about,
    );
  }
  if (!roles.includes(request.role)) {
    throw denied(
      'system_role_mismatch',
      `join token ${name} is for ${roles.join(', ')}, not for ${request.role}`,
      about,
    );
  }
  return joinToken;
}

/** Denies what a lock is on: whoever joins, what it is, or the join token. */
export function checkLocks(subject: Partial<LockSubject>, snapshot: Snapshot, at: Date): void {
  const lock = lockOn(subject, snapshot.all('lock'), at);
  if (!lock) return;
  const [kind] = Object.keys(lock.spec.target);
  const { name } = lock.metadata;
  throw denied('locked', `lock ${name} is on this ${kind?.replace('_', ' ')}`, { lock: name });
}
