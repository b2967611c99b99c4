/** A host's instance: any system role other than Bot. What its certificates say are names that were attested. */
import type { CertificateWish, SystemRole } from '../../protocol/join.ts';
import { badInput, denied } from '../../refusal.ts';
import { makeHostNames, type Naming } from '../../resources/host-names.ts';
import type { JoinToken } from '../../resources/join-token.ts';
import { decideExpiry, type Lifetime } from './lifetime.ts';
import type { HostGrant, Owner } from './owner.ts';

export const hostOwner = (role: SystemRole, { spec }: JoinToken, naming: Naming): Owner => ({
  key: `host:${role}`,
  bot: undefined,
  lockTargets: {},
  namesOf(facts) {
    const made = makeHostNames(spec.host_names, facts, naming);
    if (made.ok) return made.names;
    throw denied('host_name_impossible', made.why);
  },
  grant: (wish, field, lifetime, names) => decideHostGrant(role, names, wish, field, lifetime),
});

/** What a host's certificate may say: all of its names. It is no user, and has no roles. */
function decideHostGrant(
  role: SystemRole,
  names: readonly string[],
  wish: CertificateWish,
  field: string,
  lifetime: Lifetime,
): HostGrant {
  if (wish.type !== 'host') {
    throw badInput({ field: `${field}.type`, message: `expected host: a ${role} is no user` });
  }
  if (wish.roles !== undefined) {
    throw badInput({ field: `${field}.roles`, message: 'expected none: a host has no roles' });
  }
  return { type: 'host', role, names, expires: decideExpiry(wish.ttl, lifetime) };
}
