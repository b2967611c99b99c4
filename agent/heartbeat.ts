/** What the agent tells the broker of itself, for operators to see. Never in the way of anything. */
import { sign } from 'node:crypto';
import { arch, hostname, release, type } from 'node:os';
import process from 'node:process';
import { encodeBase64 } from '../shared/encoding/base64.ts';
import { decodePem } from '../shared/encoding/pem.ts';
import {
  type Heartbeat,
  type HeartbeatBody,
  heartbeatMessage,
} from '../shared/protocol/heartbeat.ts';
import { formatTimestamp } from '../shared/protocol/values.ts';
import { VERSION } from '../shared/protocol/version.ts';
import type { Broker } from './broker.ts';
import type { Destination, Held } from './destinations.ts';
import { plainError } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

/** What was just written, or not. */
export interface Written {
  readonly held: Held;
  readonly destinations: readonly Destination[];
  readonly unwritten: readonly Destination[];
}

/** A call costs the broker's owner as much as a join does: what has not changed is said again this much later only. */
const AGAIN_AFTER_MS = 6 * 3600_000;

/**
 * Gives what sends one after a round: the first time, when an output has come to fail or to work, and else every six hours. A
 * failure is for the debug log, and the next round tries again.
 */
export function heartbeatsTo(
  broker: Pick<Broker, 'heartbeat'>,
  { clock, log }: Pick<Effects, 'clock' | 'log'>,
): (written: Written) => Promise<void> {
  let sent: { readonly failed: string; readonly at: number } | undefined;
  return async (written) => {
    const at = clock.now().getTime();
    const failed = written.unwritten.map(({ name }) => name).join('\n');
    if (sent?.failed === failed && at - sent.at < AGAIN_AFTER_MS) return;
    try {
      await broker.heartbeat(heartbeatOf(written, clock.now()));
      sent = { failed, at };
    } catch (thrown) {
      const error = plainError(thrown);
      if (!(error instanceof Failure)) throw error;
      log.debug(`no heartbeat: ${error.message}`);
    }
  };
}

function heartbeatOf({ held, destinations, unwritten }: Written, now: Date): HeartbeatBody {
  const { instance, own, certificates } = held;
  const content: Heartbeat = {
    instance: { id: instance.id, generation: instance.generation },
    time: formatTimestamp(now),
    version: VERSION,
    host: clipped(hostname(), 253),
    os: clipped(`${type()} ${release()} ${arch()}`, 200),
    uptime_seconds: Math.floor(process.uptime()),
    outputs: destinations.map((destination) => ({
      directory: clipped(destination.name, 256),
      state: unwritten.includes(destination) ? 'failed' : 'written',
      expires: formatTimestamp((certificates.get(destination.wish) ?? own).expires),
    })),
  };
  const text = JSON.stringify(content);
  const [leaf = '', issuing = ''] = (decodePem('CERTIFICATE', own.tls) ?? []).map(encodeBase64);
  return {
    heartbeat: text,
    certificates: [leaf, issuing],
    proof: encodeBase64(sign('sha256', heartbeatMessage(text), instance.key)),
  };
}

const clipped = (text: string, most: number): string => printable(text, most - 1) || '-';
