/** What `joinbot start` works with: the config file and the flags, checked and put together. */
import type { JoinMethodName, SystemRole } from '../shared/protocol/join.ts';

export interface AgentSettings {
  /** The broker's origin, such as `https://broker.example.com`. */
  readonly broker: string;
  readonly joinMethod: JoinMethodName;
  /** The join token's name; where it has a secret, `sha256:` and the secret's hash. */
  readonly token: string;
  /** The secret of join method `token`, and of no other; only a first join needs it. */
  readonly secret?: string;
  readonly caPins: readonly string[];
  readonly azure: { readonly clientId?: string; readonly audience: string };
  readonly storage: Storage;
  readonly outputs: readonly IdentityOutput[];
  /** The service that joins; absent: a bot. Its files are in the storage directory, and it has no outputs. */
  readonly host?: HostService;
  readonly oneshot: boolean;
  /** Log more: the config file asks for it. */
  readonly debug?: boolean;
  /** PEM of authorities that the broker's TLS may come from, beside those that everybody trusts. */
  readonly authorities?: string;
  /** Where to answer whether the agent is well. */
  readonly diagnostics?: HostAndPort;
  /** What the log says once about the config file. */
  readonly notes?: readonly string[];
  readonly certificateTtlSeconds: number;
  readonly renewalIntervalSeconds: number;
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export type Storage =
  | { readonly type: 'memory' }
  | { readonly type: 'directory'; readonly path: string };

/** An identity directory for other programs. */
export interface IdentityOutput {
  readonly path: string;
  /** How long its certificate is to be valid; absent: as long as the agent's own. */
  readonly ttlSeconds?: number;
  /** Roles of the bot to ask for; absent: all of them. */
  readonly roles?: readonly string[];
}

/** Whatever joins and is no bot. */
export type HostRole = Exclude<SystemRole, 'Bot'>;

export interface HostService {
  readonly role: HostRole;
  /**
   * The line of the host key that `sshd` has, for which the SSH certificates are; absent: they are for the agent's own
   * key, which is a fresh one each time.
   */
  readonly sshHostKey?: string;
  /** What the log says once about the config file. */
  readonly notes: readonly string[];
}
