/** Telemetry that remembers what was measured. */
import type { Dimensions, MetricName } from '../../../shared/telemetry/metrics.ts';
import type { Telemetry } from '../../../shared/telemetry/telemetry.ts';

export interface Measured {
  readonly metric: MetricName;
  readonly value: number;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface Recorded {
  readonly measured: Measured[];
  /** The values of a metric with these dimensions, whatever its others are. */
  values<M extends MetricName>(metric: M, dimensions?: Partial<Dimensions<M>>): number[];
  /** Put around other telemetry. */
  around(telemetry: Telemetry): Telemetry;
}

export function recorded(): Recorded {
  const measured: Measured[] = [];
  return {
    measured,
    values: (metric, dimensions = {}) =>
      measured
        .filter(
          (one) =>
            one.metric === metric &&
            Object.entries(dimensions).every(([name, value]) => one.dimensions[name] === value),
        )
        .map(({ value }) => value),
    around: (telemetry) => ({
      audit: telemetry.audit,
      measure: (metric, value, dimensions) =>
        void measured.push({ metric, value, dimensions: { ...dimensions } }),
    }),
  };
}
