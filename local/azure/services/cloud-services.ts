/** The services that one cloud has once: all but the IMDS, of which every machine has its own. */
import type { MicrosoftPki } from '../certificates/signing-chain.ts';
import type { Tenant } from '../tenant.ts';
import { armFaultBody } from './arm-error.ts';
import { brokerIdentityError, createBrokerIdentity } from './broker-identity.ts';
import type { CallLog } from './calls.ts';
import { createDirectory, directoryError } from './directory.ts';
import { createFaultSwitch, type FaultSwitch } from './faults.ts';
import { createManagement } from './management.ts';
import { createPki } from './pki.ts';
import { createService, type Handle } from './service.ts';

type CloudService = 'directory' | 'management' | 'pki' | 'brokerIdentity';
export type PerService<T> = Readonly<Record<CloudService, T>>;

export interface CloudServices {
  readonly handles: PerService<Handle>;
  readonly faults: PerService<FaultSwitch>;
  /** What a caller of the broker's managed identity must say in `x-identity-header`. */
  readonly identityHeader: string;
}

export interface CloudServicesOptions {
  readonly now: () => Date;
  readonly pki: MicrosoftPki;
  readonly calls: CallLog;
  readonly tenants: () => readonly Tenant[];
  /** The tenant of the broker's own managed identity. */
  readonly homeTenant: () => Tenant;
  readonly managementAudiences: readonly string[];
  readonly pageSize: number;
}

export function createCloudServices(options: CloudServicesOptions): CloudServices {
  const { now, pki, calls, tenants } = options;
  const faults = {
    directory: createFaultSwitch(),
    management: createFaultSwitch(),
    pki: createFaultSwitch(),
    brokerIdentity: createFaultSwitch(),
  };
  const brokerIdentity = createBrokerIdentity({ now, tenant: options.homeTenant });
  const handles = {
    directory: createService({
      name: 'directory',
      calls,
      faults: faults.directory,
      answer: createDirectory(tenants),
      errorBody: (status) => directoryError('temporarily_unavailable', `Simulated ${status}.`),
    }),
    management: createService({
      name: 'management',
      calls,
      faults: faults.management,
      answer: createManagement({
        now,
        tenants,
        audiences: options.managementAudiences,
        pageSize: options.pageSize,
      }),
      errorBody: armFaultBody,
    }),
    pki: createService({
      name: 'pki',
      calls,
      faults: faults.pki,
      answer: createPki(pki),
      errorBody: (status) => ({ error: `Simulated ${status}.` }),
    }),
    brokerIdentity: createService({
      name: 'broker_identity',
      calls,
      faults: faults.brokerIdentity,
      answer: brokerIdentity.answer,
      errorBody: (status) => brokerIdentityError(status, 'Simulated fault.'),
    }),
  };
  return { handles, faults, identityHeader: brokerIdentity.secret };
}
