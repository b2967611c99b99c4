/**
 * A simulated AWS: STS, accounts with roles and users, machines and containers with their credentials, on a clock of its
 * own. It shares nothing with any other, and every part of it can be bent or made to fail.
 */
import type { AwsPartition } from '../../shared/protocol/sts.ts';
import { startServer } from '../azure/servers.ts';
import { type CallLog, createCallLog } from '../azure/services/calls.ts';
import { createFaultSwitch, type FaultSwitch } from '../azure/services/faults.ts';
import { createService } from '../azure/services/service.ts';
import { fetchThrough } from '../azure/services/simulated-fetch.ts';
import { type AwsAccount, createAccount } from './account.ts';
import { type CredentialStore, createCredentialStore } from './credentials.ts';
import { createSts, type StsBends, stsErrorBody } from './services/sts.ts';
import type { AwsWorld } from './world.ts';

export interface AwsCloud {
  /** The account with this id of 12 digits, made when it is first asked for. */
  account(id: string, partition?: AwsPartition): AwsAccount;
  readonly credentials: CredentialStore;
  /** STS in process, at its real hosts. */
  readonly fetch: typeof fetch;
  readonly calls: CallLog;
  /** Faults of STS; those of a machine's metadata service are the machine's. */
  readonly faults: FaultSwitch;
  /** Bends what STS says from now on; `{}` ends it. */
  serve(bends: StsBends): void;
  /** Serves everything on ports of loopback, with a metadata service for each machine and container that there is now. */
  listen(options?: AwsListenOptions): Promise<ListeningAws>;
}

/** Preferred ports. One that is taken, or none, means any free one. */
export interface AwsListenOptions {
  readonly ports?: {
    readonly sts?: number;
    /** By the name of machine or container. */
    readonly machines?: Readonly<Record<string, number>>;
  };
}

export interface ListeningAws {
  readonly urls: {
    /** Every host of STS is served below this address: `<sts>/<host>/`. */
    readonly sts: string;
    /** By the name of machine or container. */
    readonly machines: Readonly<Record<string, string>>;
  };
  /** What a broker asks in place of a host of STS. */
  readonly resolve: (host: string) => URL;
  close(): Promise<void>;
}

export function createAwsCloud({ now }: { readonly now: () => Date }): AwsCloud {
  const world: AwsWorld = { now, credentials: createCredentialStore(), calls: createCallLog() };
  const accounts = new Map<string, AwsAccount>();
  const faults = createFaultSwitch();
  let bends: StsBends = {};

  const sts = createService({
    name: 'sts',
    calls: world.calls,
    faults,
    answer: createSts({ now, credentials: world.credentials, bends: () => bends }),
    errorBody: (status) =>
      stsErrorBody({
        status,
        code: FAULT_CODES[status] ?? 'InternalFailure',
        message: 'Simulated.',
      }),
  });

  return {
    account(id, partition = 'aws') {
      const known = accounts.get(id);
      if (known) return known;
      const account = createAccount(world, id, partition);
      accounts.set(id, account);
      return account;
    },
    credentials: world.credentials,
    fetch: fetchThrough((request) => {
      const { host, pathname } = new URL(request.url);
      return sts(request, `/${host}${pathname}`);
    }),
    calls: world.calls,
    faults,
    serve(others) {
      bends = others;
    },
    async listen({ ports = {} } = {}) {
      const stsServer = await startServer(sts, ports.sts);
      const servers = [stsServer];
      const machines: Record<string, string> = {};
      for (const account of accounts.values()) {
        for (const { name, metadata } of [...account.instances, ...account.tasks]) {
          const server = await startServer(metadata, ports.machines?.[name]);
          servers.push(server);
          machines[name] = server.url;
        }
      }
      return {
        urls: { sts: stsServer.url, machines },
        resolve: (host) => new URL(`/${host}/`, stsServer.url),
        async close() {
          await Promise.all(servers.map((server) => server.close()));
        },
      };
    },
  };
}

/** AWS's own codes for statuses that a fault may name. */
const FAULT_CODES: Readonly<Record<number, string>> = {
  400: 'Throttling',
  403: 'SignatureDoesNotMatch',
  429: 'Throttling',
  503: 'ServiceUnavailable',
};
