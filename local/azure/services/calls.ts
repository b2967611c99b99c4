/** The calls that a cloud's services got, so that tests can say what must not be asked. */

export type ServiceName =
  | 'directory'
  | 'management'
  | 'pki'
  | 'broker_identity'
  | 'imds'
  | 'sts'
  | 'ec2_metadata'
  | 'container_credentials'
  /** Addresses that are none of the cloud's. */
  | 'elsewhere';

interface Call {
  readonly service: ServiceName;
  readonly method: string;
  /** The path below the service's address; the whole URL for `elsewhere`. */
  readonly path: string;
}

export interface CallLog {
  readonly all: readonly Call[];
  to(service: ServiceName): readonly Call[];
  count(service: ServiceName): number;
  clear(): void;
  add(call: Call): void;
}

export function createCallLog(): CallLog {
  const calls: Call[] = [];
  const to = (service: ServiceName): Call[] => calls.filter((call) => call.service === service);
  return {
    get all() {
      return [...calls];
    },
    to,
    count: (service) => to(service).length,
    clear: () => void calls.splice(0),
    add: (call) => void calls.push(call),
  };
}
