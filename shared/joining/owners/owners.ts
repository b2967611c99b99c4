/** Who joins: the owner of the instance, by the system role that the request asks for. */
import type { JoinRequest } from '../../protocol/join.ts';
import { denied } from '../../refusal.ts';
import type { JoinToken } from '../../resources/join-token.ts';
import type { Snapshot } from '../../storage/resources.ts';
import { botOwner } from './bot.ts';
import type { Owner } from './owner.ts';

export function ownerOf(
  { role }: JoinRequest,
  joinToken: JoinToken,
  snapshot: Snapshot,
  at: Date,
): Owner {
  if (role === 'Bot') return botOwner(joinToken, snapshot, at);
  throw denied(
    'system_role_not_supported',
    `this version does not make certificates for system role ${role}`,
  );
}
