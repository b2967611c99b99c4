/** What each certificate may say and how long it may live: pure decisions over the broker's own resources (rules 11, 12). */
import type { CertificateWish } from '../protocol/join.ts';
import { parseDuration, parseTimestamp } from '../protocol/values.ts';
import { badInput, denied } from '../refusal.ts';
import type { Bot } from '../resources/bot.ts';
import type { JoinToken } from '../resources/join-token.ts';
import { isExpired } from '../resources/resource.ts';
import { loginsOf, maxSessionSeconds, type Role } from '../resources/role.ts';

export interface GrantContext {
  readonly bot: Bot;
  readonly joinToken: JoinToken;
  readonly roleNamed: (name: string) => Role | undefined;
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
  /** When the issuing key ends. */
  readonly issuingEnds: Date;
  readonly at: Date;
}

/** What one certificate may say. */
export interface Grant {
  readonly roles: readonly string[];
  /** SSH principals; with none there is no SSH certificate. */
  readonly logins: readonly string[];
  readonly expires: Date;
}

/** Decides on one wish. Throws a `Refusal` if it asks for a role that the bot doesn't have. */
export function decideGrant(wish: CertificateWish, field: string, context: GrantContext): Grant {
  if (wish.type === 'host') {
    throw badInput({
      field: `${field}.type`,
      message: 'expected user: host certificates are for system roles other than Bot',
    });
  }
  const { bot, at } = context;
  const names = wish.roles ?? bot.spec.roles;
  const notHis = names.find((name) => !bot.spec.roles.includes(name));
  if (notHis !== undefined)
    throw denied('role_not_allowed', `bot ${bot.metadata.name} does not have role ${notHis}`);
  const roles = [...new Set(names)].map((name) => {
    const role = context.roleNamed(name);
    if (!role)
      throw denied(
        'role_not_allowed',
        `bot ${bot.metadata.name} has role ${name}, which does not exist`,
      );
    if (isExpired(role, at)) throw denied('role_not_allowed', `role ${name} has expired`);
    return role;
  });
  return {
    roles: roles.map(({ metadata }) => metadata.name),
    logins: [...new Set(roles.flatMap((role) => loginsOf(role, bot)))],
    expires: decideExpiry(wish, context),
  };
}

/**
 * The soonest of everything that limits a certificate's life. All of the bot's roles count, not just those that were
 * asked for: the certificate says who the bot is, whatever roles it leaves out.
 */
function decideExpiry(wish: CertificateWish, context: GrantContext): Date {
  const { joinToken, bot, at } = context;
  const roles = bot.spec.roles
    .map((name) => context.roleNamed(name))
    .filter((role) => role !== undefined && !isExpired(role, at)) as Role[];
  const seconds = Math.min(
    parseDuration(wish.ttl ?? '') ?? context.defaultSeconds,
    context.maxSeconds,
    parseDuration(joinToken.spec.max_ttl ?? '') ?? Number.POSITIVE_INFINITY,
    ...roles.map(maxSessionSeconds),
  );
  const ends = [joinToken, bot, ...roles]
    .map(({ metadata }) => parseTimestamp(metadata.expires ?? ''))
    .filter((time) => time !== undefined);
  const soonest = Math.min(
    at.getTime() + seconds * 1000,
    context.issuingEnds.getTime(),
    ...ends.map((time) => time.getTime()),
  );
  return new Date(Math.floor(soonest / 1000) * 1000);
}
