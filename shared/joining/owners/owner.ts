/** Whose an instance is: a bot's, or a host's. The owner decides what its certificates say. */
import type { CertificateWish } from '../../protocol/join.ts';
import type { SshPermissions } from '../../protocol/ssh-permissions.ts';
import type { NameFacts } from '../../resources/host-names.ts';
import type { LockSubject } from '../../resources/lock.ts';
import type { Lifetime } from './lifetime.ts';

export interface Owner {
  /** Where its instances are found: `bot:<name>`, or `host:<system role>`. */
  readonly key: string;
  /** The bot's name, for a bot's. */
  readonly bot: string | undefined;
  /** What a lock can name it by. */
  readonly lockTargets: Partial<LockSubject>;
  /** The names of this machine, which its certificates are for: none for a bot's. */
  namesOf(facts: NameFacts): readonly string[];
  /** Decides on one wish. Throws a `Refusal` if it asks for what the owner doesn't have. */
  grant(wish: CertificateWish, field: string, lifetime: Lifetime, names: readonly string[]): Grant;
}

/** What one certificate may say. */
export type Grant = UserGrant | HostGrant;

export interface UserGrant {
  readonly type: 'user';
  readonly bot: string;
  readonly roles: readonly string[];
  /** SSH principals; with none there is no SSH certificate. */
  readonly logins: readonly string[];
  /** What the SSH certificate permits, and from where. */
  readonly permissions: SshPermissions;
  readonly expires: Date;
}

export interface HostGrant {
  readonly type: 'host';
  readonly role: string;
  /** DNS names; never none. */
  readonly names: readonly string[];
  readonly expires: Date;
}
