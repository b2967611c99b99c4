/** A bot's instance: what its certificates say comes from the bot's roles (rule 11). */
import type { CertificateWish } from '../../protocol/join.ts';
import { badInput, denied } from '../../refusal.ts';
import type { Bot } from '../../resources/bot.ts';
import { isExpired } from '../../resources/expiry.ts';
import type { JoinToken } from '../../resources/join-token.ts';
import { loginsOf, maxSessionSeconds, type Role } from '../../resources/role.ts';
import { permissionsOf } from '../../resources/role-options.ts';
import type { Snapshot } from '../../storage/resources.ts';
import { decideExpiry, type Lifetime } from './lifetime.ts';
import type { Owner, UserGrant } from './owner.ts';

/** The bot that a join token names. It may not exist yet: then the join is denied. */
export function botOwner({ metadata, spec }: JoinToken, snapshot: Snapshot, at: Date): Owner {
  const bot = snapshot.get('bot', spec.bot_name ?? '');
  if (!bot)
    throw denied(
      'bot_not_found',
      `join token ${metadata.name} is for bot ${spec.bot_name}, which does not exist`,
    );
  const { name, expires } = bot.metadata;
  if (isExpired(bot, at)) throw denied('bot_expired', `bot ${name} expired at ${expires}`);
  return {
    key: `bot:${name}`,
    bot: name,
    lockTargets: { bot: name },
    namesOf: () => [],
    grant: (wish, field, lifetime) =>
      decideUserGrant(bot, (role) => snapshot.get('role', role), wish, field, lifetime),
  };
}

/** What a bot's certificate may say. Throws a `Refusal` if it asks for a role that the bot doesn't have. */
export function decideUserGrant(
  bot: Bot,
  roleNamed: (name: string) => Role | undefined,
  wish: CertificateWish,
  field: string,
  lifetime: Lifetime,
): UserGrant {
  if (wish.type === 'host') {
    throw badInput({
      field: `${field}.type`,
      message: 'expected user: host certificates are for system roles other than Bot',
    });
  }
  const { name } = bot.metadata;
  const names = wish.roles ?? bot.spec.roles;
  const notHis = names.find((role) => !bot.spec.roles.includes(role));
  if (notHis !== undefined)
    throw denied('role_not_allowed', `bot ${name} does not have role ${notHis}`, {
      denied_role: notHis,
      denied_role_is: "not the bot's",
    });
  const roles = [...new Set(names)].map((roleName) => {
    const role = roleNamed(roleName);
    if (!role)
      throw denied('role_not_allowed', `bot ${name} has role ${roleName}, which does not exist`, {
        denied_role: roleName,
        denied_role_is: 'missing',
      });
    if (isExpired(role, lifetime.at)) {
      throw denied(
        'role_not_allowed',
        `bot ${name} has role ${roleName}, which expired at ${role.metadata.expires}`,
        { denied_role: roleName, denied_role_is: 'expired' },
      );
    }
    return role;
  });
  const logins = [...new Set(roles.flatMap((role) => loginsOf(role, bot)))];
  const permissions = permissionsOf(roles.map(({ spec }) => spec.options));
  if (permissions.sourceAddresses?.length === 0)
    throw denied('role_not_allowed', `roles ${names.join(', ')} have no source_address in common`);
  return {
    type: 'user',
    bot: name,
    roles: roles.map(({ metadata }) => metadata.name),
    logins,
    permissions,
    expires: userExpiry(bot, roleNamed, wish.ttl, lifetime),
  };
}

/**
 * All of the bot's roles limit a certificate's life, not just those that were asked for: the certificate says who the
 * bot is, whatever roles it leaves out.
 */
function userExpiry(
  bot: Bot,
  roleNamed: (name: string) => Role | undefined,
  ttl: string | undefined,
  lifetime: Lifetime,
): Date {
  const roles = bot.spec.roles
    .map(roleNamed)
    .filter((role) => role !== undefined)
    .filter((role) => !isExpired(role, lifetime.at));
  const ends = [bot, ...roles].map(({ metadata }) => metadata.expires);
  return decideExpiry(ttl, lifetime, [bot, ...roles].map(maxSessionSeconds), ends);
}
