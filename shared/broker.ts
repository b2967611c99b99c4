/** The broker, composed of its parts. It knows nothing of Azure Functions; everything outside comes in as an argument. */
import { type SignedTrust, signedTrust } from './authority/signed-trust.ts';
import { type BrokerForJoiners, createBrokerForJoiners } from './broker-for-joiners.ts';
import type { BrokerForOperators } from './broker-for-operators.ts';
import type { Call } from './call.ts';
import { doEach } from './do-each.ts';
import { once, onFirstUse } from './first-use.ts';
import { type BrokerParts, createFoundation } from './foundation.ts';
import { areOver } from './joining/claim-place.ts';
import { subjectOfInstances } from './joining/methods/methods.ts';
import type { AuditApi } from './operators/audit-api.ts';
import type { AuthoritiesApi } from './operators/authorities-api.ts';
import type { AzureRootsApi } from './operators/azure-roots-api.ts';
import type { ChangeAudit } from './operators/change-audit.ts';
import type { InstancesApi } from './operators/instances-api.ts';
import type { JoinsApi } from './operators/joins-api.ts';
import type { NamesApi } from './operators/names-api.ts';
import { identifyOperator, type Operator } from './operators/operator.ts';
import type { ResourceApi } from './operators/resource-api.ts';
import type { Prober } from './probing/prober.ts';
import type { Discovery } from './protocol/discovery.ts';
import type { ExplainRequest, Explanation } from './protocol/explain.ts';
import { VERSION } from './protocol/version.ts';
import { documentAnchors } from './resources/document-anchors.ts';
import type { ListsApi } from './revocation/lists-api.ts';
import { namedUrl } from './settings.ts';
import { warningsOf } from './telemetry/azure-trust.ts';
import { readiness } from './telemetry/readiness.ts';
import { revocationEvents } from './telemetry/revocation-events.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface Broker extends Omit<BrokerForJoiners, 'tell'> {
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
  /** Removes rows that are over, of each table whatever becomes of the others. */
  sweep(): Promise<number>;
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}

export function createBroker(parts: BrokerParts): Broker {
  const foundation = createFoundation(parts);
  const { settings, cluster, cloud, rotation, keyring, resources, azureTrust } = foundation;
  const { joinLog, telemetry, now } = foundation;

  const addedRoots = async () => {
    const snapshot = await resources.snapshot();
    return documentAnchors(snapshot.all('azure_root'), [], now()).added;
  };
  const listsApi = once(async (): Promise<ListsApi> => {
    const { createListsApi } = await import('./revocation/lists-api.ts');
    const subjectOf = subjectOfInstances(foundation.methods);
    const custody = foundation.makesKeys ? rotation.custody : undefined;
    const listParts = { ...foundation, custody, subjectOf };
    return createListsApi(listParts, revocationEvents(telemetry));
  });
  const lists = onFirstUse(listsApi, { current: true, update: true, tend: true });

  const named = namedUrl(settings);
  const sign = signedTrust(cluster, now);
  const trust = async (): Promise<SignedTrust> => sign(await keyring.authorities());

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
      ...foundation,
      lists,
      // A leaked issuing key comes on the root's list at once.
      async onKeysChanged(report, call) {
        foundation.tellKeys(report, call);
        await lists.update(call);
      },
    }),
  );
  const changes = onFirstUse<ChangeAudit>(async () => (await forOperators()).changes, {
    byOperator: true,
    byBroker: true,
  });
  const { tell, ...joiners } = createBrokerForJoiners(foundation, trust, (lock, call) =>
    changes.byBroker({ action: 'create', resource: `lock/${lock.metadata.name}` }, lock, call),
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
    ...joiners,
    trust,
    async discover() {
      return {
        server_version: VERSION,
        cluster_name: cluster,
        ...(named !== undefined && { public_url: named }),
        cloud: cloud.name,
        ca_pins: await caPins(),
        audiences: [...foundation.audiences],
        operators: {
          tenant: settings.JOIN_BROKER_OPERATORS_TENANT,
          client_id: settings.JOIN_BROKER_OPERATORS_CLIENT_ID,
        },
      };
    },
    publicUrl: named,
    async checkReady() {
      await checkReady();
      return warningsOf(azureTrust.look(await addedRoots()), now());
    },
    identifyOperator: (header) =>
      identifyOperator(header, {
        keys: foundation.directoryKeys,
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
      foundation.tellKeys(await (await forOperators()).rotateKeys(), call);
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
      tell();
      await joinLog.flush();
    },
    async end() {
      tell();
      await joinLog.end();
    },
    explain: async (asked) => (await forOperators()).explain(asked),
    async sweep() {
      const { instances, machines, auditLog, revocations } = foundation;
      const at = now();
      const removed = await doEach([
        () => instances.sweep(at),
        () => machines.sweep(at, areOver(instances, at)),
        () => joinLog.sweep(at),
        () => auditLog.sweep(at),
        () => revocations.sweep(at),
      ]);
      return removed.reduce((sum, rows) => sum + rows, 0);
    },
    telemetry,
    now,
  };
}
