/** A virtual machine of EC2 and its metadata service (IMDSv2). */
import { randomBytes } from 'node:crypto';
import { createFaultSwitch, type FaultSwitch } from '../azure/services/faults.ts';
import { createService, NetworkFailure } from '../azure/services/service.ts';
import { fetchThrough } from '../azure/services/simulated-fetch.ts';
import type { AwsCredentials } from './credentials.ts';
import { renewedCredentials } from './renewed-credentials.ts';
import type { AwsRole } from './role.ts';
import { createInstanceMetadata } from './services/instance-metadata.ts';
import type { AwsWorld } from './world.ts';

export interface InstanceOptions {
  /** The name of the role that is attached. */
  readonly role?: string;
  /** `i-` and 17 hex digits. */
  readonly instanceId?: string;
  readonly region?: string;
}

/** What the metadata service hands out in place of what it should. */
interface ServedBends {
  /** `Success` otherwise. */
  readonly code?: string;
  readonly credentials?: Partial<AwsCredentials>;
}

export interface Instance {
  readonly name: string;
  readonly instanceId: string;
  readonly region: string;
  readonly role: AwsRole | undefined;
  /** Attaches a role, or none. */
  attach(role: AwsRole | undefined): void;
  /** The credentials that the machine has now. */
  credentials(): AwsCredentials;
  /** The machine's metadata service. */
  metadata(request: Request): Promise<Response>;
  /** `fetch` as the machine has it, as far as its metadata service goes. */
  readonly fetch: typeof fetch;
  readonly faults: FaultSwitch;
  serve(bends: ServedBends): void;
}

const METADATA_ORIGIN = 'http://169.254.169.254';

export function createInstance(
  world: AwsWorld,
  name: string,
  attached: AwsRole | undefined,
  options: InstanceOptions,
): Instance {
  const { instanceId = `i-${randomBytes(9).toString('hex').slice(1)}`, region = 'us-east-1' } =
    options;
  const faults = createFaultSwitch();
  const current = renewedCredentials(world.now);
  let role = attached;
  let served: ServedBends = {};

  const credentials = (): AwsCredentials => {
    if (!role) throw new Error(`The instance ${name} has no role: attach one.`);
    return current(role, instanceId);
  };
  const service = createService({
    name: 'ec2_metadata',
    calls: world.calls,
    faults,
    answer: createInstanceMetadata({
      now: world.now,
      instanceId,
      region,
      role: () => role?.name,
      credentials: () => ({ ...credentials(), ...served.credentials }),
      code: () => served.code ?? 'Success',
    }),
    errorBody: (status) => ({ status }),
  });
  const metadata = (request: Request): Promise<Response> =>
    service(request, new URL(request.url).pathname);

  return {
    name,
    instanceId,
    region,
    get role() {
      return role;
    },
    attach(other) {
      role = other;
    },
    credentials,
    metadata,
    fetch: fetchThrough((request) => {
      if (new URL(request.url).origin === METADATA_ORIGIN) return metadata(request);
      throw new NetworkFailure('the simulated AWS has no such address');
    }),
    faults,
    serve(bends) {
      served = bends;
    },
  };
}
