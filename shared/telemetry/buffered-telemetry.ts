/**
 * Keeps what is recorded until the exporter is there, and then passes it on: loading the exporter takes longer than all
 * else that the broker does before its first answer. Audit events are never lost: without an exporter they are log lines.
 */
import type { Dimensions, MetricName } from './metrics.ts';
import { type AuditEvent, auditLine, type Telemetry } from './telemetry.ts';

/** Where audit events and metrics go in the end. */
export interface Exporter {
  audit(event: AuditEvent, requestId: string, at: Date): void;
  measure<M extends MetricName>(metric: M, value: number, dimensions: Dimensions<M>): void;
  /** Sends what was recorded so far. */
  flush(): Promise<void>;
  /** Sends it and stops. */
  close(): Promise<void>;
}

export interface BufferedTelemetry extends Telemetry {
  /** Opens the exporter and passes on what was kept; again and again the same. Never rejects. */
  load(): Promise<void>;
  /** Sends everything, within a deadline: the process ends. Never rejects. */
  drain(): Promise<void>;
}

export interface BufferedTelemetryOptions {
  readonly open: () => Promise<Exporter>;
  readonly now: () => Date;
  /** Takes a log line. */
  readonly write: (line: string) => void;
  /** How much is kept. */
  readonly most?: number;
  /** How long the end may take; the host waits for five seconds. */
  readonly drainMilliseconds?: number;
}

type Recorded = (exporter: Exporter) => void;

const MOST_KEPT = 20_000;
/** The exporter's own queue holds 2,048. */
const PASSED_AT_ONCE = 1000;
const DRAIN_MS = 4500;

export function createBufferedTelemetry(options: BufferedTelemetryOptions): BufferedTelemetry {
  const { now, write, most = MOST_KEPT } = options;
  const kept: Recorded[] = [];
  let lost = 0;
  let exporter: Exporter | undefined;
  let loading: Promise<Exporter> | undefined;

  function keep(recorded: Recorded): boolean {
    if (kept.length >= most) return false;
    kept.push(recorded);
    // A process that is never idle has to load it some time.
    if (kept.length >= most / 2) void load();
    return true;
  }

  async function open(): Promise<Exporter> {
    const opened = await options.open().catch((error: unknown) => {
      const detail = `Application Insights can not be used: ${String(error)}`;
      write(auditLine({ event: 'failure', detail }, 'none', now()));
      return logExporter(write);
    });
    while (kept.length > 0) {
      for (const recorded of kept.splice(0, PASSED_AT_ONCE)) recorded(opened);
      if (kept.length > 0) await opened.flush();
    }
    if (lost > 0) {
      const detail = `${lost} measurements were lost before the exporter was there`;
      opened.audit({ event: 'failure', detail }, 'none', now());
    }
    exporter = opened;
    return opened;
  }

  function load(): Promise<Exporter> {
    loading ??= open();
    return loading;
  }

  return {
    audit(event, requestId) {
      const at = now();
      if (exporter) exporter.audit(event, requestId, at);
      else if (!keep((opened) => opened.audit(event, requestId, at)))
        write(auditLine(event, requestId, at));
    },
    measure(metric, value, dimensions) {
      if (exporter) exporter.measure(metric, value, dimensions);
      else if (!keep((opened) => opened.measure(metric, value, dimensions))) lost += 1;
    },
    async load() {
      await load();
    },
    async drain() {
      if (kept.length === 0 && !loading) return;
      const sent = load().then((opened) => opened.close());
      const failed = await within(options.drainMilliseconds ?? DRAIN_MS, sent);
      if (failed === undefined) return;
      const detail = `telemetry could not be sent: ${failed}`;
      write(auditLine({ event: 'failure', detail }, 'none', now()));
    },
  };
}

/** What stands in for an exporter that can't be opened. */
const logExporter = (write: (line: string) => void): Exporter => ({
  audit: (event, requestId, at) => write(auditLine(event, requestId, at)),
  measure() {},
  async flush() {},
  async close() {},
});

/** Why something was not done in time; `undefined` if it was. */
async function within(milliseconds: number, done: Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`not done within ${milliseconds} ms`), milliseconds);
  });
  try {
    return await Promise.race([done.then(() => undefined, String), late]);
  } finally {
    clearTimeout(timer);
  }
}
