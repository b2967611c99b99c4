/** Measures calls to the outside where they leave the broker, so that nothing inside needs to know of metrics. */
import type { FetchKeySet } from '../attestation/azure/directory-keys.ts';
import type { MachineDirectory } from '../attestation/azure/machine-directory.ts';
import type { Custody } from '../authority/custody.ts';
import { eachTable, type Tables } from '../storage/table.ts';
import type { Dimensions } from './metrics.ts';
import type { Telemetry } from './telemetry.ts';

/** What the broker reaches outside itself. */
export interface Dependencies {
  readonly tables: Tables;
  readonly custody: Custody;
  readonly machines: MachineDirectory;
  readonly fetchKeySet: FetchKeySet;
}

/** The same, with every call measured. */
export function measured(
  { tables, custody, machines, fetchKeySet }: Dependencies,
  telemetry: Telemetry,
): Dependencies {
  const { fetch } = measuredMethods({ fetch: fetchKeySet }, 'directory', telemetry);
  return {
    tables: eachTable((name) => measuredMethods(tables[name], 'storage', telemetry)),
    custody: measuredMethods(custody, 'custody', telemetry),
    machines: measuredMethods(machines, 'management', telemetry),
    fetchKeySet: fetch,
  };
}

type Call = (...parameters: unknown[]) => Promise<unknown>;

/** An object all of whose members are asynchronous methods. */
function measuredMethods<T extends object>(
  methods: T,
  dependency: Dimensions<'dependency_calls'>['dependency'],
  telemetry: Telemetry,
): T {
  const measuredCall =
    (call: Call): Call =>
    async (...parameters) => {
      const started = performance.now();
      const tell = (result: Dimensions<'dependency_calls'>['result']): void => {
        const milliseconds = performance.now() - started;
        telemetry.measure('dependency_calls', 1, { dependency, result });
        telemetry.measure('dependency_milliseconds', milliseconds, { dependency, result });
      };
      try {
        const answer = await call.apply(methods, parameters);
        tell('ok');
        return answer;
      } catch (error) {
        tell('failed');
        throw error;
      }
    };
  const entries = Object.entries(methods as Record<string, Call>);
  return Object.fromEntries(entries.map(([name, call]) => [name, measuredCall(call)])) as T;
}
