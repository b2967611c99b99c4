/** What `joinbot start` works with: the config file and the flags, checked and put together. */
import type { JoinMethodName, SystemRole } from '../shared/protocol/join.ts';
import type { LogFormat } from './log.ts';
import type { ReloadConfig } from './outputs/common-fields.ts';
import type { Content } from './outputs/output.ts';

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
  readonly outputs: readonly Output[];
  /** What joins, where it is no bot. Its own files are in the storage directory. */
  readonly host?: HostService;
  readonly oneshot: boolean;
  /** Log more: the config file asks for it. */
  readonly debug?: boolean;
  /** Of the log lines; absent: text. */
  readonly logFormat?: LogFormat;
  /** PEM of authorities that the broker's TLS may come from, beside those that everybody trusts. */
  readonly authorities?: string;
  /** Where to answer whether the agent is well. */
  readonly diagnostics?: HostAndPort;
  /** What the log says once about the config file. */
  readonly notes?: readonly string[];
  readonly certificateTtlSeconds: number;
  /** How often the agent's own certificate is to be renewed, and with it the outputs that are due. */
  readonly renewalIntervalSeconds: number;
  /** How often to ask for revocation lists, where something is to have them. */
  readonly revocationSeconds: number;
}

/** What `/readyz` calls the agent's own directory. No output has this name. */
export const STORAGE_NAME = 'storage';

/** Somebody who may read an output. */
export interface Reader {
  readonly kind: 'user' | 'group';
  readonly name: string;
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export type Storage =
  | { readonly type: 'memory' }
  | { readonly type: 'directory'; readonly path: string };

/** A directory of this machine. */
export interface OutputDirectory {
  readonly type: 'directory';
  readonly path: string;
  /** Who may read it beside the agent's own user. */
  readonly readers?: readonly Reader[];
  /** Of its files; absent: 0600. */
  readonly mode?: number;
}

/** A secret of the Kubernetes cluster that the agent runs in. */
export interface KubernetesSecret {
  readonly type: 'kubernetes_secret';
  /** Where the cluster's API is, and the folder of the pod's service account. */
  readonly api: { readonly origin: string; readonly account: string };
  readonly name: string;
  /** Absent: that of the agent's pod. */
  readonly namespace?: string;
  readonly secretType: 'Opaque' | 'kubernetes.io/tls';
  readonly labels: Readonly<Record<string, string>>;
}

/** The SPIFFE Workload API on a Unix socket. */
export interface WorkloadApiSocket {
  readonly type: 'workload_api';
  readonly path: string;
  /** Who may connect beside the agent's own user. */
  readonly readers?: readonly Reader[];
  /** Of the socket. */
  readonly mode: number;
}

/** What is written for other programs: a certificate with a key of its own. */
export interface Output {
  /** Unlike any other output's: `/readyz` calls it so. */
  readonly name: string;
  readonly destination: OutputDirectory | KubernetesSecret | WorkloadApiSocket;
  readonly content: Content;
  /** How long its certificate is to be valid; absent: as long as the agent's own. */
  readonly ttlSeconds?: number;
  /** How often it is to be renewed; absent: see renewal-plan.ts. */
  readonly renewalSeconds?: number;
  /** Roles of the bot to ask for; absent: all of them. */
  readonly roles?: readonly string[];
  /** Of a host: the line of the key that its SSH certificate is for; absent: its own. */
  readonly sshHostKey?: string;
  /** Who is told once it has changed. */
  readonly reload?: ReloadConfig;
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
