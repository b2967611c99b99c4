/** Who may join as what: decisions of a join over the broker's own resources. Each throws a `Refusal`. */
import type { AttestedVm } from '../attestation/azure/azure-evidence.ts';
import type { VerifiedMachine } from '../attestation/azure/machine-binding.ts';
import type { JoinRequest } from '../protocol/join.ts';
import { denied, type Refusal } from '../refusal.ts';
import { couldMatch, evaluateAllowRules } from '../resources/azure-allow-rules.ts';
import type { Bot } from '../resources/bot.ts';
import type { JoinToken } from '../resources/join-token.ts';
import { lockOn } from '../resources/lock.ts';
import { isExpired } from '../resources/resource.ts';
import type { Snapshot } from '../storage/resources.ts';

/** The join token, if it is for this method and role. */
export function findJoinToken(request: JoinRequest, snapshot: Snapshot, at: Date): JoinToken {
  const joinToken = snapshot.get('token', request.token);
  if (!joinToken) throw denied('join_token_not_found', `there is no join token ${request.token}`);
  if (isExpired(joinToken, at))
    throw denied(
      'join_token_expired',
      `join token ${request.token} expired at ${joinToken.metadata.expires}`,
    );
  const { join_method, roles } = joinToken.spec;
  if (join_method !== request.join_method) {
    throw denied(
      'join_method_mismatch',
      `join token ${request.token} is for join method ${join_method}`,
    );
  }
  if (!roles.includes(request.role)) {
    throw denied(
      'system_role_mismatch',
      `join token ${request.token} is for ${roles.join(', ')}, not for ${request.role}`,
    );
  }
  if (request.role !== 'Bot') {
    throw denied(
      'system_role_not_supported',
      `this version does not make certificates for system role ${request.role}`,
    );
  }
  return joinToken;
}

/** The bot that a join token names. It may not exist yet. */
export function findBot({ metadata, spec }: JoinToken, snapshot: Snapshot, at: Date): Bot {
  const bot = snapshot.get('bot', spec.bot_name ?? '');
  if (!bot)
    throw denied(
      'bot_not_found',
      `join token ${metadata.name} is for bot ${spec.bot_name}, which does not exist`,
    );
  if (isExpired(bot, at))
    throw denied('bot_expired', `bot ${bot.metadata.name} expired at ${bot.metadata.expires}`);
  return bot;
}

/** Tenants that may become part of an address: those of the settings and of the rules (rule 6). */
export const tenantsOf = ({ spec }: JoinToken, known: readonly string[]): string[] => [
  ...known,
  ...spec.azure.allow.flatMap(({ tenant }) => (tenant === undefined ? [] : [tenant])),
];

export const bindingOf = ({ spec }: JoinToken): VerifiedMachine['binding'] =>
  spec.azure.vm_binding ?? 'strict';

/** Denies whom no rule could admit, by what is known so far. */
export function checkCouldMatch(
  joinToken: JoinToken,
  document: AttestedVm,
  tenant: string | undefined,
  resourceGroup: string | undefined,
): void {
  const facts = { tenant, subscription: document.subscriptionId, resourceGroup };
  if (!couldMatch(joinToken.spec.azure.allow, facts)) {
    const decision = evaluateAllowRules(joinToken.spec.azure.allow, facts);
    throw ruleMismatch(joinToken, decision.admitted ? [] : decision.mismatches);
  }
}

/** Decides on verified facts. */
export function checkRules(joinToken: JoinToken, machine: VerifiedMachine): void {
  const decision = evaluateAllowRules(joinToken.spec.azure.allow, machine);
  if (!decision.admitted) throw ruleMismatch(joinToken, decision.mismatches);
}

const ruleMismatch = ({ metadata }: JoinToken, mismatches: readonly string[]): Refusal =>
  denied(
    'rule_mismatch',
    `no rule of join token ${metadata.name} admits this machine: ${mismatches.join(', ')} did not match`,
  );

export function checkLocks(
  snapshot: Snapshot,
  bot: Bot,
  joinToken: JoinToken,
  machine: VerifiedMachine,
  instance: string,
  at: Date,
): void {
  const subject = {
    bot: bot.metadata.name,
    join_token: joinToken.metadata.name,
    machine: machine.vmId,
    identity: machine.oid,
    instance,
  };
  const lock = lockOn(subject, snapshot.all('lock'), at);
  if (!lock) return;
  const [kind] = Object.keys(lock.spec.target);
  throw denied('locked', `lock ${lock.metadata.name} is on this ${kind?.replace('_', ' ')}`);
}
