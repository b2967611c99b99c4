/**
 * A simulated Azure: directory, management API, certificate download, machines with their IMDS, on a clock of its own.
 * Made in milliseconds, shares nothing with any other, and every part of it can be bent or made to fail.
 */
import type { SimulatedCloud } from '../../shared/attestation/azure/cloud-profile.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { ATTESTED_DOMAIN, PKI_ADDRESSES } from './certificates/microsoft-names.ts';
import { createRsaKeySource, type RsaKeySource } from './certificates/rsa-keys.ts';
import {
  type ChainBends,
  type ChainKind,
  createMicrosoftPki,
  type MicrosoftPki,
  type SigningChain,
} from './certificates/signing-chain.ts';
import { createSigningKey, type SigningKey } from './evidence/signing-key.ts';
import type { Machine } from './machine.ts';
import { type ListenOptions, type Servers, startServers } from './servers.ts';
import { type CallLog, createCallLog } from './services/calls.ts';
import { createCloudServices, type PerService } from './services/cloud-services.ts';
import type { FaultSwitch } from './services/faults.ts';
import { createRouter } from './services/router.ts';
import { fetchThrough } from './services/simulated-fetch.ts';
import { createTenant, ISSUERS, type Tenant } from './tenant.ts';
import type { World } from './world.ts';

export interface CloudOptions {
  readonly now: () => Date;
  /** Where RSA keys come from. Share one among the clouds of a test process: keys take long to make. */
  readonly keys?: RsaKeySource;
  readonly chain?: ChainKind;
  /** Items in one page of the management API's lists. */
  readonly pageSize?: number;
}

export interface Cloud {
  tenant(options?: { readonly id?: string }): Tenant;
  readonly tenants: readonly Tenant[];

  /** The profile as a broker's settings hold it. `fetch` answers its addresses. */
  readonly profile: SimulatedCloud;
  /** DER of the roots to pin. */
  readonly roots: readonly Uint8Array[];
  /** The address of the certificate download. */
  readonly pki: string;
  /** How the broker reaches its own managed identity, which belongs to the first tenant. */
  readonly brokerIdentity: BrokerIdentityAccess;

  /** The chain that machines sign with, or a new one that is bent. */
  signingChain(bends?: ChainBends): SigningChain;
  /** Somebody whose signing key no directory publishes. */
  readonly stranger: { readonly signingKey: SigningKey };

  /** The services in process. Everything else rejects as a broken connection does. */
  readonly fetch: typeof fetch;
  readonly calls: CallLog;
  /** Faults of the services; those of a machine's IMDS are the machine's. */
  readonly faults: PerService<FaultSwitch>;
  /** Serves everything on ports of loopback, with an IMDS for each machine that there is now. */
  listen(options?: ListenOptions): Promise<Listening>;
}

/** The values of `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`. */
interface BrokerIdentityAccess {
  readonly endpoint: string;
  readonly header: string;
}

export interface Listening extends Servers {
  /** As the cloud's own, with the addresses of the ports. */
  readonly profile: SimulatedCloud;
  readonly brokerIdentity: BrokerIdentityAccess;
}

/** The standard forbids `fetch` this port: a call that misses `cloud.fetch` fails at once and goes nowhere. */
const IN_PROCESS = 'http://127.0.0.1:9';

const ADDRESSES: PerService<string> = {
  directory: `${IN_PROCESS}/directory`,
  management: `${IN_PROCESS}/management`,
  pki: `${IN_PROCESS}/pki`,
  brokerIdentity: `${IN_PROCESS}/identity`,
};

export function createCloud(options: CloudOptions): Cloud {
  const { now, keys = createRsaKeySource(), chain = 'ec', pageSize = 50 } = options;
  const tenants: Tenant[] = [];
  const calls = createCallLog();
  const pki = createMicrosoftPki({ now, keys, kind: chain });
  const managementAudiences = [...MANAGEMENT_AUDIENCES, ADDRESSES.management];

  function tenant({ id }: { readonly id?: string } = {}): Tenant {
    const added = createTenant(world, tenants.length + 1, id);
    tenants.push(added);
    return added;
  }

  const { handles, faults, identityHeader } = createCloudServices({
    now,
    pki,
    calls,
    tenants: () => tenants,
    homeTenant: () => tenants[0] ?? tenant(),
    managementAudiences,
    pageSize,
  });
  const route = createRouter(
    [
      [ADDRESSES.directory, handles.directory],
      [ADDRESSES.management, handles.management],
      [ADDRESSES.pki, handles.pki],
      [ADDRESSES.brokerIdentity, handles.brokerIdentity],
      ...PKI_ADDRESSES.map((address) => [address, handles.pki] as const),
    ],
    calls,
  );
  const world: World = { now, keys, pki, calls, fetch: route };
  let strangersKey: SigningKey | undefined;

  return {
    tenant,
    tenants,
    profile: profileOf(pki, ADDRESSES),
    roots: pki.roots,
    pki: ADDRESSES.pki,
    brokerIdentity: { endpoint: ADDRESSES.brokerIdentity, header: identityHeader },
    signingChain: pki.chain,
    stranger: {
      get signingKey() {
        strangersKey ??= createSigningKey(keys.keyPair('stranger'), now());
        return strangersKey;
      },
    },
    fetch: fetchThrough(route),
    calls,
    faults,
    async listen(listenOptions = {}) {
      const servers = await startServers(handles, machinesOf(tenants), listenOptions);
      const { urls } = servers;
      managementAudiences.push(urls.management);
      return {
        ...servers,
        profile: profileOf(pki, urls),
        brokerIdentity: { endpoint: urls.brokerIdentity, header: identityHeader },
      };
    },
  };
}

/** What tokens for the management API may be for, besides its own address. */
const MANAGEMENT_AUDIENCES = [
  'https://management.azure.com',
  'https://management.core.windows.net',
] as const;

const profileOf = (
  { roots }: MicrosoftPki,
  { directory, management }: { readonly directory: string; readonly management: string },
): SimulatedCloud => ({
  attested_domains: [ATTESTED_DOMAIN],
  trust_anchors: roots.map((der) => encodePem('CERTIFICATE', der)).join(''),
  directory,
  issuers: [...ISSUERS],
  management,
});

/** Every machine: virtual machines, those of flexible sets among them, and uniform sets' instances. */
function machinesOf(tenants: readonly Tenant[]): Machine[] {
  const subscriptions = tenants.flatMap((tenant) => tenant.subscriptions);
  return subscriptions.flatMap(({ virtualMachines, scaleSets }) => [
    ...virtualMachines,
    ...scaleSets
      .filter(({ mode }) => mode === 'Uniform')
      .flatMap(({ instances }) => [...instances.values()]),
  ]);
}
