/**
 * What everything in the broker stands on: rows in storage, keys, the logs, and what vouches for machines. Nothing is read
 * or asked before somebody comes.
 */
import type { ResolveSts } from './attestation/aws/caller-identity.ts';
import { createStsLimits } from './attestation/aws/sts-limits.ts';
import type { CloudProfile } from './attestation/azure/cloud-profile.ts';
import { createDirectoryKeys } from './attestation/azure/directory-keys.ts';
import { guardMachineDirectory } from './attestation/azure/guarded-machine-directory.ts';
import { createKnownCertificates } from './attestation/azure/known-certificates.ts';
import { createMachineBinder } from './attestation/azure/machine-binder.ts';
import type { MachineDirectory } from './attestation/azure/machine-directory.ts';
import { type Custody, readingCustody } from './authority/custody.ts';
import { rememberKeys } from './authority/genuine-keys.ts';
import { createKeyStore } from './authority/key-store.ts';
import { createKeyring } from './authority/keyring.ts';
import { joinMethods } from './joining/methods/methods.ts';
import type { Outside } from './probing/prober.ts';
import { acceptedAudiences, rotationPolicy, type Settings } from './settings.ts';
import { createAuditLog } from './storage/audit-log.ts';
import { createHeartbeats } from './storage/heartbeats.ts';
import { createHostNames } from './storage/host-names.ts';
import { createInstances } from './storage/instances.ts';
import { createJoinLog } from './storage/join-log.ts';
import type { LogKey } from './storage/join-log-seal.ts';
import { createMachines } from './storage/machines.ts';
import { createResources } from './storage/resources.ts';
import { createRevocations } from './storage/revoked.ts';
import type { Tables } from './storage/table.ts';
import { watchKeys } from './telemetry/ages.ts';
import { watchAzureTrust } from './telemetry/azure-trust.ts';
import { keyEvents } from './telemetry/key-events.ts';
import { lookupsOf } from './telemetry/lookups.ts';
import { measured } from './telemetry/measured.ts';
import type { Dimensions } from './telemetry/metrics.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface BrokerParts {
  readonly settings: Settings;
  readonly cloud: CloudProfile;
  /** DER of the roots that sign attested documents. */
  readonly roots: readonly Uint8Array[];
  readonly tables: Tables;
  readonly custody: Custody;
  readonly machines: MachineDirectory;
  /** Fetches the text of a tenant's JWK set from the directory. */
  readonly fetchKeySet: (tenant: string) => Promise<string>;
  /** Reaches AWS STS, or a simulated one. */
  readonly fetchSts: typeof fetch;
  readonly resolveSts?: ResolveSts | undefined;
  /** How the prober reaches the broker; without it there are only the probes inside. */
  readonly outside?: Outside;
  /** How the container of backups is reached. */
  readonly backups?: { readonly accessToken: () => Promise<string>; readonly fetch: typeof fetch };
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}

/** How long joins wait for others, so that they are written together. */
const LOG_MILLISECONDS = 500;
/** How long a key of the join log is used without asking whether it still is the one. */
const LOG_KEY_MILLISECONDS = 3600_000;

export type Foundation = ReturnType<typeof createFoundation>;

export function createFoundation(parts: BrokerParts) {
  const { settings, cloud, telemetry, now } = parts;
  const { tables, custody, machines, fetchKeySet } = measured(parts, telemetry);
  const makesKeys = settings.JOIN_BROKER_PART !== 'joiners';
  const cluster = settings.JOIN_BROKER_CLUSTER_NAME;
  const audiences = acceptedAudiences(settings);
  const lookups = (cache: Dimensions<'cache_lookups'>['cache']) => lookupsOf(telemetry, cache);
  const rotation = {
    store: createKeyStore(tables.keys),
    custody: rememberKeys(makesKeys ? custody : readingCustody(custody)),
    policy: rotationPolicy(settings),
    cluster,
    sshKey: settings.JOIN_BROKER_SSH_KEY_TYPE,
    crlAddress: settings.JOIN_BROKER_CRL_ADDRESS,
  };
  const tellKeys = keyEvents(telemetry);
  const resources = createResources(tables.resources, now, lookups('resources'));
  const keyring = watchKeys(
    createKeyring(rotation, now, {
      makesKeys,
      changed: resources.keysChanged,
      onLookup: lookups('keyring'),
      onReport: tellKeys,
    }),
    telemetry,
    now,
  );
  const directoryKeys = createDirectoryKeys(
    fetchKeySet,
    cloud.issuers,
    lookups('directory_keys'),
    (tenant, problem) =>
      telemetry.audit(
        { event: 'failure', detail: `a signing key of tenant ${tenant} is skipped: ${problem}` },
        'none',
      ),
  );

  /** It is the data key's: while it is known, a stranger's denial has nothing read. A new data key ends it. */
  let logKey: LogKey | undefined;
  let logKeyRead = 0;
  async function readLogKey(): Promise<LogKey> {
    ({ logKey } = await keyring.authorities());
    logKeyRead = now().getTime();
    return logKey;
  }
  const joinLog = createJoinLog({
    table: tables.joins,
    later: (task) => void setTimeout(task, LOG_MILLISECONDS).unref(),
    onFailure: (detail) => telemetry.audit({ event: 'failure', detail }, 'none'),
    key: async () => {
      const isFresh = now().getTime() - logKeyRead < LOG_KEY_MILLISECONDS;
      return logKey && isFresh ? logKey : readLogKey();
    },
    now,
  });

  const machineDirectory = guardMachineDirectory(machines, now);
  const azureTrust = watchAzureTrust(parts.roots, telemetry, now);
  const methods = joinMethods({
    azure: {
      trust: {
        cloud,
        roots: parts.roots,
        known: azureTrust.signers(createKnownCertificates(lookups('certificates'))),
        keys: directoryKeys,
        audiences,
      },
      tenants: settings.JOIN_BROKER_TENANTS,
      binder: createMachineBinder(machineDirectory, now, lookups('machines')),
      onAddedRoot: azureTrust.used,
      now,
    },
    iam: {
      fetch: parts.fetchSts,
      limits: createStsLimits(),
      renewalLimits: createStsLimits(),
      resolve: parts.resolveSts,
      now,
    },
  });
  return {
    settings,
    cloud,
    cluster,
    naming: { cluster, domains: settings.JOIN_BROKER_HOST_DOMAINS },
    audiences,
    crlAddress: settings.JOIN_BROKER_CRL_ADDRESS,
    defaultSeconds: settings.JOIN_BROKER_DEFAULT_TTL,
    maxSeconds: settings.JOIN_BROKER_MAX_TTL,
    rotation,
    makesKeys,
    tellKeys,
    keyring,
    directoryKeys,
    machineDirectory,
    azureTrust,
    methods,
    resources,
    instances: createInstances(tables.instances),
    heartbeats: createHeartbeats(tables.instances),
    machines: createMachines(tables.machines),
    names: createHostNames(tables.names),
    revocations: createRevocations(tables.revoked),
    joinLog,
    /** Reads the join log's key anew: where that fails, nothing may be admitted. */
    readLogKey,
    auditLog: createAuditLog(tables.audit),
    /** The table of keys: backups have its rows as they are. */
    keys: tables.keys,
    pinnedRoots: parts.roots,
    telemetry,
    now,
  };
}
