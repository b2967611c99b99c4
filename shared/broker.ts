/** The broker, composed of its parts. It knows nothing of Azure Functions; everything outside comes in as an argument. */
import type { ResolveSts } from './attestation/aws/caller-identity.ts';
import { createStsLimits } from './attestation/aws/sts-limits.ts';
import type { CloudProfile } from './attestation/azure/cloud-profile.ts';
import { createDirectoryKeys } from './attestation/azure/directory-keys.ts';
import { guardMachineDirectory } from './attestation/azure/guarded-machine-directory.ts';
import { createKnownCertificates } from './attestation/azure/known-certificates.ts';
import { createMachineBinder } from './attestation/azure/machine-binder.ts';
import type { MachineDirectory } from './attestation/azure/machine-directory.ts';
import type { Custody } from './authority/custody.ts';
import { rememberDataKeys } from './authority/genuine-keys.ts';
import { createKeyStore } from './authority/key-store.ts';
import { createKeyring } from './authority/keyring.ts';
import { type SignedTrust, signedTrust } from './authority/signed-trust.ts';
import type { BrokerForOperators } from './broker-for-operators.ts';
import type { Call } from './call.ts';
import { once, onFirstUse } from './first-use.ts';
import { createAuditSample } from './joining/audit-sample.ts';
import { auditedJoin } from './joining/audited-join.ts';
import { createCallers } from './joining/caller.ts';
import { areOver } from './joining/claim-place.ts';
import { join } from './joining/join.ts';
import { joinMethods, subjectOfInstances } from './joining/methods/methods.ts';
import { isProbeMark } from './joining/probe-mark.ts';
import type { Report } from './joining/report.ts';
import type { AuditApi } from './operators/audit-api.ts';
import type { AuthoritiesApi } from './operators/authorities-api.ts';
import type { AzureRootsApi } from './operators/azure-roots-api.ts';
import type { ChangeAudit } from './operators/change-audit.ts';
import type { InstancesApi } from './operators/instances-api.ts';
import type { JoinsApi } from './operators/joins-api.ts';
import type { NamesApi } from './operators/names-api.ts';
import { identifyOperator, type Operator } from './operators/operator.ts';
import type { ResourceApi } from './operators/resource-api.ts';
import type { Outside, Prober } from './probing/prober.ts';
import type { Discovery } from './protocol/discovery.ts';
import type { ExplainRequest, Explanation } from './protocol/explain.ts';
import type { HeartbeatBody } from './protocol/heartbeat.ts';
import type { JoinAnswer, JoinBody } from './protocol/join.ts';
import { VERSION } from './protocol/version.ts';
import { documentAnchors } from './resources/document-anchors.ts';
import type { Lock } from './resources/lock.ts';
import type { ListsApi } from './revocation/lists-api.ts';
import { acceptedAudiences, namedUrl, rotationPolicy, type Settings } from './settings.ts';
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
import { warningsOf, watchAzureTrust } from './telemetry/azure-trust.ts';
import { keyEvents } from './telemetry/key-events.ts';
import { lookupsOf } from './telemetry/lookups.ts';
import { measured } from './telemetry/measured.ts';
import type { Dimensions } from './telemetry/metrics.ts';
import { readiness } from './telemetry/readiness.ts';
import { revocationEvents } from './telemetry/revocation-events.ts';
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

export interface Broker {
  /** `read` gives the body, or throws the refusal of one that can't be read: that is an attempt, too. */
  join(read: () => JoinBody, call: Call): Promise<JoinAnswer>;
  /** What an agent says of itself: a claim, kept for operators. */
  heartbeat(body: HeartbeatBody): Promise<void>;
  trust(): Promise<SignedTrust>;
  discover(): Promise<Discovery>;
  /** The origin that the settings name; where they name none, joiners know it better than we do. */
  readonly publicUrl: string | undefined;
  /** Throws `unavailable` with the check that failed. Answers what will fail, in sentences. */
  checkReady(): Promise<readonly string[]>;
  /** Who sent this `Authorization` header. What they may do is for `checkRight` to say. */
  identifyOperator(header: string | null): Promise<Operator>;
  readonly resources: ResourceApi;
  readonly instances: InstancesApi;
  readonly names: NamesApi;
  /** What vouches for attested documents. */
  readonly azureRoots: AzureRootsApi;
  readonly authorities: AuthoritiesApi;
  readonly lists: ListsApi;
  /** Makes keys that are due, and removes those that are over. */
  rotateKeys(call: Call): Promise<void>;
  /** Measures and tells what of Azure's roots and chains ends soon. */
  watchAzureTrust(call: Call): Promise<void>;
  /** Writes a backup into the container of the settings, if they name one. */
  backUp(call: Call): Promise<void>;
  /** Tries what must be denied, and what must work. */
  probe(call: Call): Promise<void>;
  readonly joins: JoinsApi;
  /** What operators changed. */
  readonly audit: AuditApi;
  /** Makes changes of operators, and tells of them. */
  readonly changes: ChangeAudit;
  /** What would happen to a machine with given facts; nothing is changed. */
  explain(asked: ExplainRequest): Promise<Explanation>;
  /** Writes what waits to be written: before the process ends. */
  flush(): Promise<void>;
  /** The same, where nothing more comes after it. */
  end(): Promise<void>;
  /** Writes down where the join log ends, into the log as well. */
  anchorJoinLog(call: Call): Promise<void>;
  /** Removes rows that are over. */
  sweep(): Promise<number>;
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}

/** How long joins wait for others, so that they are written together. */
const LOG_MILLISECONDS = 500;
/** How long a key of the join log is used without asking whether it still is the one. */
const LOG_KEY_MILLISECONDS = 3600_000;

export function createBroker(parts: BrokerParts): Broker {
  const { settings, cloud, telemetry, now } = parts;
  const { tables, custody, machines, fetchKeySet } = measured(parts, telemetry);
  const cluster = settings.JOIN_BROKER_CLUSTER_NAME;
  const naming = { cluster, domains: settings.JOIN_BROKER_HOST_DOMAINS };
  const audiences = acceptedAudiences(settings);
  const rotation = {
    store: createKeyStore(tables.keys),
    custody: rememberDataKeys(custody),
    policy: rotationPolicy(settings),
    cluster,
    sshKey: settings.JOIN_BROKER_SSH_KEY_TYPE,
    crlAddress: settings.JOIN_BROKER_CRL_ADDRESS,
  };
  const lookups = (cache: Dimensions<'cache_lookups'>['cache']) => lookupsOf(telemetry, cache);
  const tellKeys = keyEvents(telemetry);
  const resources = createResources(tables.resources, now, lookups('resources'));
  const keyring = watchKeys(
    createKeyring(rotation, now, {
      changed: resources.keysChanged,
      onLookup: lookups('keyring'),
      onReport: tellKeys,
    }),
    telemetry,
    now,
  );
  const keys = createDirectoryKeys(
    fetchKeySet,
    cloud.issuers,
    lookups('directory_keys'),
    (tenant, problem) =>
      telemetry.audit(
        { event: 'failure', detail: `a signing key of tenant ${tenant} is skipped: ${problem}` },
        'none',
      ),
  );
  const instances = createInstances(tables.instances);
  const heartbeats = createHeartbeats(tables.instances);
  const names = createHostNames(tables.names);
  const revocations = createRevocations(tables.revoked);
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
  const auditLog = createAuditLog(tables.audit);
  const directory = guardMachineDirectory(machines, now);
  const azureTrust = watchAzureTrust(parts.roots, telemetry, now);
  const addedRoots = async () => {
    const snapshot = await resources.snapshot();
    return documentAnchors(snapshot.all('azure_root'), [], now()).added;
  };
  const methods = joinMethods({
    azure: {
      trust: {
        cloud,
        roots: parts.roots,
        known: azureTrust.signers(createKnownCertificates(lookups('certificates'))),
        keys,
        audiences,
      },
      tenants: settings.JOIN_BROKER_TENANTS,
      binder: createMachineBinder(directory, now, lookups('machines')),
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
  const joinParts = {
    cluster,
    naming,
    crlAddress: settings.JOIN_BROKER_CRL_ADDRESS,
    defaultSeconds: settings.JOIN_BROKER_DEFAULT_TTL,
    maxSeconds: settings.JOIN_BROKER_MAX_TTL,
    methods,
    keyring,
    resources,
    instances,
    names,
    revocations,
    machines: createMachines(tables.machines),
    now,
  };
  const listsApi = once(async (): Promise<ListsApi> => {
    const { createListsApi } = await import('./revocation/lists-api.ts');
    const subjectOf = subjectOfInstances(methods);
    const listParts = { ...joinParts, custody: rotation.custody, subjectOf };
    return createListsApi(listParts, revocationEvents(telemetry));
  });
  const lists = onFirstUse(listsApi, { current: true, update: true, tend: true });

  const sign = signedTrust(cluster, now);
  const trust = async (): Promise<SignedTrust> => sign(await keyring.authorities());

  const sample = createAuditSample(settings.JOIN_BROKER_AUDITED_STRANGERS, telemetry);
  const callers = createCallers({
    attempts: settings.JOIN_BROKER_FAILED_JOINS_PER_ADDRESS,
    perMachine: settings.JOIN_BROKER_FAILED_JOINS_PER_MACHINE,
    questions: settings.JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS,
  });

  async function answerJoin(
    read: () => JoinBody,
    isProbe: () => Promise<boolean>,
    call: Call,
    report: Report,
  ): Promise<JoinAnswer> {
    const caller = callers(call.client);
    caller.countAttempt(now());
    const onLocked = (lock: Lock): Promise<void> =>
      changes.byBroker({ action: 'create', resource: `lock/${lock.metadata.name}` }, lock, call);
    const probing = await isProbe();
    const joined = await join(read(), { ...joinParts, onLocked, probing }, caller, report);
    const { bundle } = await trust();
    await readLogKey();
    caller.admitted();
    return {
      request_id: call.requestId,
      ...(joined.bot !== undefined && { bot: joined.bot }),
      role: joined.instance.role,
      instance_id: joined.instance.id,
      generation: joined.generation,
      certificates: [...joined.certificates],
      trust: bundle,
    };
  }

  const prober = once(async (): Promise<Prober> => {
    const { createProber } = await import('./probing/prober.ts');
    const [domain = ''] = cloud.attestedDomains;
    const [root = new Uint8Array()] = parts.roots;
    return createProber({
      cluster,
      outside: parts.outside,
      original: { root, domain },
      authorities: keyring.authorities,
      joinersAudience: settings.JOIN_BROKER_AUDIENCES[0],
      telemetry,
      now,
    });
  });

  const forOperators = once(async () =>
    (await import('./broker-for-operators.ts')).createBrokerForOperators({
      ...joinParts,
      machineDirectory: directory,
      rotation,
      keys: tables.keys,
      heartbeats,
      revocations,
      lists,
      joinLog,
      auditLog,
      telemetry,
      pinnedRoots: parts.roots,
      azureTrust,
      // A leaked issuing key comes on the root's list at once.
      async onKeysChanged(report, call) {
        tellKeys(report, call);
        await lists.update(call);
      },
    }),
  );
  const changes = onFirstUse<ChangeAudit>(async () => (await forOperators()).changes, {
    byOperator: true,
    byBroker: true,
  });
  const takeHeartbeat = once(async () =>
    (await import('./joining/heartbeat.ts')).createHeartbeatTaker({
      cluster,
      authorities: keyring.authorities,
      instances,
      heartbeats,
      now,
    }),
  );
  const api = async <K extends keyof BrokerForOperators>(name: K) => (await forOperators())[name];
  /** None as long as there is no authority: operators find the broker all the same, and make it. */
  const caPins = async (): Promise<string[]> => {
    try {
      return (await trust()).bundle.ca_pins;
    } catch (error) {
      if (keyring.missing() === undefined) throw error;
      return [];
    }
  };
  const checkReady = readiness(
    { storage: resources.snapshot, signing_keys: keyring.authorities },
    telemetry,
    now,
    keyring.missing,
  );

  async function anchorJoinLog(call: Call): Promise<void> {
    const anchor = await joinLog.anchor(now());
    if (anchor) telemetry.audit({ event: 'anchor', ...anchor }, call.requestId, call.log);
  }

  return {
    join(read, call) {
      const { probe } = call;
      const isProbe = once(
        async () =>
          probe !== undefined &&
          isProbeMark(probe, read().request, (await keyring.authorities()).probeKeys),
      );
      return auditedJoin((report) => answerJoin(read, isProbe, call, report), isProbe, {
        call,
        telemetry,
        sample,
        log: joinLog.record,
        now,
      });
    },
    heartbeat: async (body) => (await takeHeartbeat())(body),
    trust,
    async discover() {
      return {
        server_version: VERSION,
        cluster_name: cluster,
        cloud: cloud.name,
        ca_pins: await caPins(),
        audiences: [...audiences],
        operators: {
          tenant: settings.JOIN_BROKER_OPERATORS_TENANT,
          client_id: settings.JOIN_BROKER_OPERATORS_CLIENT_ID,
        },
      };
    },
    publicUrl: namedUrl(settings),
    async checkReady() {
      await checkReady();
      return warningsOf(azureTrust.look(await addedRoots()), now());
    },
    identifyOperator: (header) =>
      identifyOperator(header, {
        keys,
        issuers: cloud.issuers,
        tenant: settings.JOIN_BROKER_OPERATORS_TENANT,
        clientId: settings.JOIN_BROKER_OPERATORS_CLIENT_ID,
        at: now(),
      }),
    resources: onFirstUse(() => api('resources'), {
      list: true,
      get: true,
      put: true,
      remove: true,
    }),
    instances: onFirstUse(() => api('instances'), { list: true, get: true, remove: true }),
    names: onFirstUse(() => api('names'), { list: true, get: true, free: true, restore: true }),
    azureRoots: onFirstUse(() => api('azureRoots'), { list: true }),
    authorities: onFirstUse(() => api('authorities'), {
      status: true,
      init: true,
      rotate: true,
      retire: true,
      backUp: true,
      restore: true,
    }),
    async backUp({ requestId, log }) {
      const url = settings.JOIN_BROKER_BACKUP_URL;
      const { backups } = parts;
      if (url === undefined || !backups) return;
      try {
        const { backUp } = await import('./operators/daily-backup.ts');
        await backUp({ cluster, ...(await forOperators()) }, { url, ...backups }, now());
        telemetry.measure('backups', 1, { result: 'made' });
      } catch (error) {
        telemetry.measure('backups', 1, { result: 'failed' });
        const detail = `no backup was made: ${error instanceof Error ? error.message : error}`;
        telemetry.audit({ event: 'failure', detail }, requestId, log);
      }
    },
    async watchAzureTrust(call) {
      azureTrust.look(await addedRoots(), call);
    },
    async rotateKeys(call) {
      tellKeys(await (await forOperators()).rotateKeys(), call);
    },
    async probe(call) {
      await (await prober())(call);
    },
    lists,
    joins: onFirstUse(() => api('joins'), { find: true, list: true, verify: true }),
    anchorJoinLog,
    audit: onFirstUse(() => api('audit'), { get: true, list: true }),
    changes,
    async flush() {
      sample.tell();
      await joinLog.flush();
    },
    async end() {
      sample.tell();
      await joinLog.end();
    },
    explain: async (asked) => (await forOperators()).explain(asked),
    async sweep() {
      const at = now();
      const isOver = areOver(instances, at);
      return (
        (await instances.sweep(at)) +
        (await joinParts.machines.sweep(at, isOver)) +
        (await joinLog.sweep(at)) +
        (await auditLog.sweep(at)) +
        (await revocations.sweep(at))
      );
    },
    telemetry,
    now,
  };
}
