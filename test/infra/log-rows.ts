/** Rows as a workspace has them, of what the broker measures. */
import type { Dimensions, MetricName } from '../../shared/telemetry/metrics.ts';
import type { Envelope } from '../shared/telemetry/ingestion.ts';
import type { LogRow, LogRows } from './run-kusto.ts';

/** The time at which the queries of the tests are asked. */
export const ASKED = new Date('2026-03-02T12:07:00Z');
const MINUTE_MS = 60_000;
export const HOUR = 60;
export const DAY = 24 * HOUR;

/** A row of `AppMetrics`: one measurement, or as many as `count` says, whose sum is `sum`. */
export function measured<M extends MetricName>(
  minutesAgo: number,
  name: M,
  sum: number,
  dimensions: Dimensions<M>,
  count = 1,
): LogRow {
  return {
    TimeGenerated: timeOf(minutesAgo),
    Name: name,
    Sum: sum,
    ItemCount: count,
    Properties: dimensions,
  };
}

/** A row of `AppAvailabilityResults`: what the portal's test from outside found. */
export const asked = (minutesAgo: number, success: boolean, message = 'Passed'): LogRow => ({
  TimeGenerated: timeOf(minutesAgo),
  Success: success,
  Message: message,
});

/** Every so many minutes, from the oldest on. */
export const every = (
  minutes: number,
  { from, until = 0 }: { readonly from: number; readonly until?: number },
): readonly number[] =>
  Array.from(
    { length: Math.floor((from - until) / minutes) },
    (_, index) => from - index * minutes,
  );

export const metricRows = (...rows: readonly (LogRow | readonly LogRow[])[]): LogRows => ({
  AppMetrics: rows.flat() as LogRow[],
});

const SEVERITIES = ['Verbose', 'Information', 'Warning', 'Error', 'Critical'];

/** What was sent, as the rows that Application Insights makes of it: the oldest so long ago, and a second between them. */
export function rowsOf(envelopes: readonly Envelope[], minutesAgo: number): LogRows {
  const sent = envelopes.map(({ data }, index) => ({
    ...data.baseData,
    TimeGenerated: timeOf(minutesAgo - index / 60),
  }));
  return {
    AppMetrics: sent.flatMap(({ metrics = [], properties: Properties, TimeGenerated }) =>
      metrics.map(({ name: Name, value: Sum, min: Min, max: Max, count: ItemCount }) => ({
        TimeGenerated,
        Name,
        Sum,
        Min,
        Max,
        ItemCount,
        Properties,
      })),
    ),
    AppTraces: sent
      .filter(({ message }) => message !== undefined)
      .map(({ message: Message, severityLevel = '', properties: Properties, TimeGenerated }) => ({
        TimeGenerated,
        Message,
        SeverityLevel: SEVERITIES.indexOf(severityLevel),
        ItemCount: 1,
        Properties,
      })),
  };
}

/** As rows have it. */
export const timeOf = (minutesAgo: number): string =>
  new Date(ASKED.getTime() - minutesAgo * MINUTE_MS).toISOString();
