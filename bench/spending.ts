/** What a broker spends outside itself: counted by its own metrics, and by the bytes of its audit lines. */
import type { Dimensions } from '../shared/telemetry/metrics.ts';
import { auditLine, type Telemetry } from '../shared/telemetry/telemetry.ts';

export interface Spending {
  storage: number;
  directory: number;
  management: number;
  sts: number;
  logBytes: number;
}

const nothing = (): Spending => ({
  storage: 0,
  directory: 0,
  management: 0,
  sts: 0,
  logBytes: 0,
});

export interface Account {
  readonly telemetry: Telemetry;
  readonly fetchSts: typeof fetch;
  /** Gives what was spent since it was asked last. */
  take(): Spending;
}

export function openAccount(now: () => Date): Account {
  let spent = nothing();
  return {
    telemetry: {
      audit(event, requestId) {
        spent.logBytes += auditLine(event, requestId, now()).length + 1;
      },
      measure(metric, value, dimensions) {
        if (metric !== 'dependency_calls') return;
        const { dependency } = dimensions as Dimensions<'dependency_calls'>;
        if (dependency !== 'custody') spent[dependency] += value;
      },
    },
    // AWS says no.
    async fetchSts() {
      spent.sts += 1;
      const body = JSON.stringify({ Error: { Code: 'InvalidClientTokenId' } });
      return new Response(body, { status: 403 });
    },
    take() {
      const taken = spent;
      spent = nothing();
      return taken;
    },
  };
}
