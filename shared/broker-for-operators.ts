/**
 * What the broker does for operators, and for the timer that makes keys: composed here, and loaded when one of them comes
 * (a bundle of its own). No join waits for it.
 */

import type { Keyring } from './authority/keyring.ts';
import { type RotationParts, rotateKeys } from './authority/rotate.ts';
import { type ExplainParts, explain } from './joining/explain.ts';
import { createAuditApi } from './operators/audit-api.ts';
import {
  createAuthoritiesApi,
  type OnKeysChanged,
  type ServedLists,
} from './operators/authorities-api.ts';
import { createAzureRootsApi } from './operators/azure-roots-api.ts';
import { createChangeAudit } from './operators/change-audit.ts';
import { createInstancesApi } from './operators/instances-api.ts';
import { createJoinsApi } from './operators/joins-api.ts';
import { createNamesApi } from './operators/names-api.ts';
import { createResourceApi } from './operators/resource-api.ts';
import type { ExplainRequest } from './protocol/explain.ts';
import type { Naming } from './resources/host-names.ts';
import type { AuditLog } from './storage/audit-log.ts';
import type { Heartbeats } from './storage/heartbeats.ts';
import type { HostNameStore } from './storage/host-names.ts';
import type { Instances } from './storage/instances.ts';
import type { JoinLog } from './storage/join-log.ts';
import type { Resources } from './storage/resources.ts';
import type { Revocations } from './storage/revoked.ts';
import type { Table } from './storage/table.ts';
import type { AzureTrustWatch } from './telemetry/azure-trust.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface OperatorsParts extends Omit<ExplainParts, 'findJoin' | 'resources'> {
  readonly naming: Naming;
  readonly rotation: RotationParts;
  readonly keyring: Keyring;
  /** The table of keys: backups have its rows as they are. */
  readonly keys: Table;
  readonly resources: Resources;
  readonly instances: Instances;
  readonly heartbeats: Heartbeats;
  readonly revocations: Revocations;
  readonly lists: ServedLists;
  readonly names: HostNameStore;
  readonly joinLog: JoinLog;
  readonly auditLog: AuditLog;
  readonly telemetry: Telemetry;
  /** DER of the roots that need no resource. */
  readonly pinnedRoots: readonly Uint8Array[];
  readonly azureTrust: Pick<AzureTrustWatch, 'look'>;
  readonly onKeysChanged: OnKeysChanged;
}

export type BrokerForOperators = ReturnType<typeof createBrokerForOperators>;

export function createBrokerForOperators(parts: OperatorsParts) {
  const { naming, rotation, keyring, keys, resources, now } = parts;
  const { instances, heartbeats, revocations, names, joinLog, auditLog } = parts;
  return {
    resources: createResourceApi(resources, { naming, pinnedRoots: parts.pinnedRoots, now }),
    azureRoots: createAzureRootsApi(resources, parts.azureTrust, now),
    instances: createInstancesApi(instances, heartbeats, revocations, now),
    names: createNamesApi(names),
    joins: createJoinsApi(joinLog, now),
    audit: createAuditApi(auditLog, now),
    changes: createChangeAudit(auditLog, parts.telemetry, now),
    authorities: createAuthoritiesApi(
      rotation,
      keyring,
      resources,
      keys,
      parts.lists,
      parts.onKeysChanged,
      now,
    ),
    rotateKeys: () => rotateKeys(rotation, now()),
    explain: (asked: ExplainRequest) => explain(asked, { ...parts, findJoin: joinLog.find }),
  };
}
