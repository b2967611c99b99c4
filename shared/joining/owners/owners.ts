/** Who joins: the owner of the instance, by the system role that the request asks for. */
import type { JoinRequest } from '../../protocol/join.ts';
import type { Naming } from '../../resources/host-names.ts';
import type { JoinToken } from '../../resources/join-token.ts';
import type { Snapshot } from '../../storage/resources.ts';
import { botOwner } from './bot.ts';
import { hostOwner } from './host.ts';
import type { Owner } from './owner.ts';

export const ownerOf = (
  { role }: Pick<JoinRequest, 'role'>,
  joinToken: JoinToken,
  snapshot: Snapshot,
  naming: Naming,
  at: Date,
): Owner =>
  role === 'Bot' ? botOwner(joinToken, snapshot, at) : hostOwner(role, joinToken, naming);
